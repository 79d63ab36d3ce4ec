import type { Amount } from './format.ts';
import type { ContractTerms } from './types.ts';

export type ContractState =
  | 'concluded'
  | 'paid'
  | 'tendered'
  | 'overdue'
  | 'delivering'
  | 'uncollected'
  | 'failed'
  | 'weighed'
  | 'part_paid'
  | 'objected'
  | 'disputed'
  | 'completed'
  | 'terminated'
  | 'defaulted'
  | 'resolved'
  | 'annulled';

export interface Objection {
  reason: string;
  claim_fen: Amount;
  photo_digests: string[];
  laboratory: string | null;
  report_number: string | null;
  report_digest: string | null;
  time_ns: number;
  standing: 'open' | 'accepted' | 'withdrawn';
  answer: string | null;
}

export interface Proposal {
  kind: 'outcome' | 'force_majeure';
  operator_id: number;
  reason: string;
  buyer_fen: Amount;
  seller_fen: Amount;
  risk_fund_fen: Amount;
  goods_to: 'buyer' | 'seller';
  time_ns: number;
}

/** A contract as it stands: what a listing, an auction or an agreed trade has led to. */
export interface Contract {
  contract_id: number;
  trade_id: number;
  symbol: string;
  price: number;
  quantity: number;
  buyer_id: number;
  seller_id: number;
  buyer: string;
  seller: string;
  concluded_ns: number;
  first_day: string;
  terms: ContractTerms;
  state: ContractState;
  value_fen: Amount;
  due_fen: Amount;
  buyer_fee_fen: Amount;
  seller_fee_fen: Amount;
  buyer_earnest_fen: Amount;
  seller_earnest_fen: Amount;
  pay_by_ns: number;
  pickup_by_ns: number;
  final_by_ns: number;
  due_ns: number | null;
  receipt_ids: number[];
  goods_symbol: string;
  paid: boolean;
  tendered: boolean;
  escrow_fen: Amount;
  paid_in_fen: Amount;
  paid_out_fen: Amount;
  differential_fen: number;
  late: 'buyer' | 'seller' | 'both' | null;
  late_days: number;
  buyer_late_fen: Amount;
  seller_late_fen: Amount;
  title_ns: number | null;
  delivery_ids: number[];
  picked_g: number;
  undelivered_g: number;
  weighed_g: number | null;
  weighed_ns: number | null;
  weight_reason: string | null;
  buyer_weight_g: number | null;
  seller_weight_g: number | null;
  settled_g: number | null;
  settled_fen: Amount | null;
  refund_fen: Amount;
  surcharge_fen: Amount;
  uncollected_fen: Amount;
  granted_fen: Amount;
  objection_by_ns: number | null;
  accepted: boolean;
  objection: Objection | null;
  invoice_number: string | null;
  dispute_opened_by: number | null;
  dispute_reason: string | null;
  proposal: Proposal | null;
  approved_by: number | null;
  reason: string | null;
  ended_ns: number | null;
  sequence: number;
}

export interface ContractStep {
  sequence: number;
  line: number;
  time_ns: number;
  cause: string;
  state: ContractState;
  escrow_fen: Amount;
  buyer_earnest_fen: Amount;
  seller_earnest_fen: Amount;
}

export type Side = 'buyer' | 'seller';

/** Something that has to happen: whose turn it is, what it is, and by when. */
export interface Duty {
  whose: Side | 'both' | 'venue';
  what: 'pay' | 'tender' | 'fetch' | 'weight' | 'invoice' | 'accept' | 'answer' | 'decide' | 'make_good';
  byNs: number | null;
  /** Whether the term for it has passed. */
  late: boolean;
}

export const ENDED: ReadonlySet<ContractState> = new Set([
  'completed',
  'terminated',
  'defaulted',
  'resolved',
  'annulled',
]);

/** What is due next, the soonest first. The rules are docs/settlement/contracts.md's. */
export function duties(contract: Contract): Duty[] {
  const found: Duty[] = [];
  const late = (side: Side): boolean => contract.late === side || contract.late === 'both';
  switch (contract.state) {
    case 'concluded':
    case 'paid':
    case 'tendered':
    case 'overdue':
      if (!contract.paid) found.push({ whose: 'buyer', what: 'pay', byNs: contract.pay_by_ns, late: late('buyer') });
      if (!contract.tendered)
        found.push({ whose: 'seller', what: 'tender', byNs: contract.pay_by_ns, late: late('seller') });
      break;
    case 'delivering':
    case 'uncollected':
      found.push({
        whose: 'buyer',
        what: 'fetch',
        byNs: contract.pickup_by_ns,
        late: contract.state === 'uncollected',
      });
      break;
    case 'failed':
      found.push({ whose: 'venue', what: 'make_good', byNs: null, late: false });
      break;
    case 'weighed':
      found.push({ whose: 'both', what: 'weight', byNs: contract.final_by_ns, late: false });
      break;
    case 'part_paid':
      if (!contract.accepted)
        found.push({ whose: 'buyer', what: 'accept', byNs: contract.objection_by_ns, late: false });
      if (contract.invoice_number === null)
        found.push({ whose: 'seller', what: 'invoice', byNs: contract.final_by_ns, late: false });
      break;
    case 'objected':
      found.push({ whose: 'seller', what: 'answer', byNs: contract.due_ns, late: false });
      break;
    case 'disputed':
      found.push({ whose: 'venue', what: 'decide', byNs: null, late: false });
      break;
    default:
      break;
  }
  return found;
}

export type Action =
  'pay' | 'tender' | 'fetch' | 'weight' | 'accept' | 'object' | 'withdraw' | 'answer' | 'invoice' | 'dispute';

const DISPUTABLE: ReadonlySet<ContractState> = new Set<ContractState>([
  'overdue',
  'delivering',
  'uncollected',
  'failed',
  'weighed',
  'part_paid',
  'objected',
]);

/** What a party can do now, the thing that is due first. */
export function actionsOf(contract: Contract, side: Side, nowNs: number): Action[] {
  const { state } = contract;
  const found: Action[] = [];
  const early = state === 'concluded' || state === 'paid' || state === 'tendered' || state === 'overdue';
  if (side === 'buyer') {
    if (early && !contract.paid) found.push('pay');
    if (state === 'delivering' || state === 'uncollected') found.push('fetch');
    if (state === 'part_paid' && !contract.accepted) found.push('accept');
    if (
      (state === 'weighed' || state === 'part_paid') &&
      contract.objection === null &&
      !contract.accepted &&
      contract.objection_by_ns !== null &&
      nowNs < contract.objection_by_ns
    )
      found.push('object');
    if ((state === 'weighed' || state === 'objected') && contract.objection?.standing === 'open')
      found.push('withdraw');
  } else {
    if (early && !contract.tendered) found.push('tender');
    if (state === 'objected') found.push('answer');
    if ((state === 'part_paid' || state === 'objected') && contract.invoice_number === null) found.push('invoice');
  }
  if (state === 'weighed') found.unshift('weight');
  if (DISPUTABLE.has(state)) found.push('dispute');
  return found;
}

/** What the scale showed against what was agreed, in grams; null before the last truck has left. */
export function weightDifference(contract: Contract): { expectedG: number; offG: number; within: boolean } | null {
  if (contract.weighed_g === null) return null;
  const expectedG = contract.quantity * 1000 - contract.undelivered_g;
  const offG = contract.weighed_g - expectedG;
  return { expectedG, offG, within: Math.abs(offG) * 1000 <= contract.terms.tolerance_permille * expectedG };
}

/** What the contract holds, which an outcome has to give out to the fen. */
export function heldFen(contract: Contract): bigint {
  return BigInt(contract.escrow_fen) + BigInt(contract.buyer_earnest_fen) + BigInt(contract.seller_earnest_fen);
}

/** What the seller invoices: the agreed weight's value less what he granted. */
export function invoiceFen(contract: Contract): bigint {
  return BigInt(contract.settled_fen ?? 0) - BigInt(contract.granted_fen);
}
