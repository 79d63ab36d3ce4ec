/** Shapes of what follows a trade: receipts with their elements, storage, deliveries, money. Units stand in the names. */
import type { Amount } from './format.ts';
import type { Grade, Receipt } from './types.ts';

export interface Party {
  participant_id: number;
  name: string;
}

export interface Elements {
  depositor: Party;
  goods: {
    variety: string;
    variety_zh: string;
    variety_en: string;
    weight_g: number;
    grade: Grade;
    colour_stage: number | null;
    defect_permille: number | null;
    finger_length_mm: number | null;
    thickness_mm: number | null;
    cartons: number;
    marks: string | null;
    harvest_date: string;
    town: string;
    village: string;
    certificate_number: string | null;
  };
  wastage_permille: number | null;
  storage_from_ns: number;
  storage_until_ns: number;
  storage_fee: { fen_per_tonne_day: number; insurance_fen_per_tonne_day: number; free_days: number } | null;
  insurance: { amount_fen: Amount; insurer: string; from_ns: number; until_ns: number } | null;
  issuer: Party;
  date_of_issue: string;
  issued_from: number[];
  merged_into: number | null;
}

export type WholeReceipt = Receipt & { elements: Elements | null; sequence: number };

export interface StorageDue {
  receipt_id: number;
  from_date: string;
  today: string;
  due_fen: Amount;
  tomorrow_fen: Amount;
  insured_fen: Amount;
  shrinkage_g: number;
  standard_g: number | null;
}

export type DeliveryState =
  'ordered' | 'loading' | 'loaded' | 'handed_over' | 'accepted' | 'cancelled' | 'failed' | 'buying_in' | 'made_good';

export interface Slot {
  slot_id: number;
  dock: string;
  starts_ns: number;
  ends_ns: number;
  state: 'booked' | 'cancelled' | 'missed' | 'used';
}

export interface Delivery {
  delivery_id: number;
  receipt_id: number;
  contract_id: number | null;
  participant_id: number;
  lot_id: number;
  warehouse: string;
  symbol: string;
  ordered_g: number;
  loaded_g: number;
  handed_g: number;
  wasted_g: number;
  failed_g: number;
  state: DeliveryState;
  ordered_ns: number;
  slot: Slot | null;
  tries_left: number | null;
  wastage_reason: string | null;
  handed_ns: number | null;
  accept_by_ns: number | null;
  failure: string | null;
  failure_reason: string | null;
  reported_by: number | null;
  sequence: number;
}

export interface Load {
  load_id: number;
  ticket: string;
  gross_g: number;
  tare_g: number;
  net_g: number;
  scale_id: string;
  plate: string;
  carrier: string;
  driver: string;
  last: boolean;
  reason: string | null;
  weighed_ns: number;
  state: 'weighed' | 'handed_over' | 'voided';
  handed_ns: number | null;
}

export interface BuyIn {
  delivery_id: number;
  participant_id: number;
  defaulter_id: number;
  weight_g: number;
  base_price: number;
  limit_price: number;
  cash_price: number;
  attempts: number;
  attempts_left: number;
  next_attempt_ns: number | null;
  bought_g: number;
  bought_fen: Amount;
  settled_g: number;
  settled_fen: Amount;
  uncovered_fen: Amount;
  ended_ns: number | null;
}

export type DeliveryDetail = Delivery & { loads: Load[]; buy_in: BuyIn | null };
export type CodedDelivery = Delivery & { hand_over_code: string };

/** A slot of a dock's day; whose it is, is told to who has it and to the warehouse. */
export interface DockSlot {
  warehouse: string;
  dock: string;
  starts_ns: number;
  ends_ns: number;
  capacity_kg: number;
  free: boolean;
  delivery_id: number | null;
}

export type WithdrawalState = 'requested' | 'approved' | 'paid' | 'cancelled' | 'rejected' | 'expired';

export interface Withdrawal {
  withdrawal_id: number;
  number: string;
  participant_id: number | null;
  line_id: number | null;
  amount_fen: Amount;
  payee_name: string;
  payee_bank: string;
  payee_account: string;
  state: WithdrawalState;
  reason: string | null;
  requested_ns: number;
  expires_ns: number | null;
  approvals: number[];
  rejections: number[];
  ended_ns: number | null;
}

export interface StatementEntry {
  transfer_id: number;
  time_ns: number;
  cause: string;
  reference_id: number;
  account: string;
  amount: Amount;
  balance: Amount;
}

export interface DayStatement {
  participant_id: number;
  display_name: string;
  date: string;
  complete: boolean;
  assets: {
    asset: string;
    symbol: string | null;
    unit: string;
    opening: Amount;
    credits: Amount;
    debits: Amount;
    closing: Amount;
    entries: StatementEntry[];
  }[];
}

export interface BankLine {
  line_id: number;
  statement_id: number;
  date: string;
  bank_reference: string;
  amount_fen: Amount;
  counterparty: string;
  counterparty_account: string;
  virtual_account: string;
  memo: string;
  state: 'booked' | 'suspense' | 'unassigned' | 'returning' | 'released';
  unmatched: string | null;
  participant_id: number | null;
  release: {
    to: 'participant' | 'sender' | 'venue' | 'withdrawal';
    participant_id: number | null;
    account: string | null;
    withdrawal_id: number | null;
    reason: string;
    proposed_by: number;
    approved_by: number | null;
  } | null;
}

export interface BankStatement {
  statement_id: number;
  date: string;
  opening_fen: Amount;
  closing_fen: Amount;
  lines: number;
  paid_in_fen: Amount;
  paid_out_fen: Amount;
}

export interface Reconciliation {
  statement_id: number;
  date: string;
  bank_fen: Amount;
  ledger_fen: Amount;
  difference_fen: Amount;
  by_hand_fen: Amount;
  unassigned_fen: Amount;
  unexplained_fen: Amount;
  suspense_fen: Amount;
  in_flight_fen: Amount;
}

export interface Voucher {
  voucher_id: number;
  reference: string;
  reason: string;
  entries: { debit: string; credit: string; amount_fen: Amount }[];
  state: 'proposed' | 'posted' | 'rejected';
  proposed_by: number;
  decided_by: number | null;
  rejection: string | null;
}

export interface Logger {
  logger_id: string;
  warehouse: string;
  chamber: string | null;
  last_ns: number | null;
  temperature_dc: number | null;
  humidity_permille: number | null;
  outside_since_ns: number | null;
  break_id: number | null;
}

export interface Reading {
  logger_id: string;
  time_ns: number;
  temperature_dc: number;
  humidity_permille: number | null;
}

export interface ReadingsSummary {
  readings: number;
  minimum_temperature_dc: number | null;
  maximum_temperature_dc: number | null;
  minimum_humidity_permille: number | null;
  maximum_humidity_permille: number | null;
}

export interface ColdChainBreak {
  break_id: number;
  logger_id: string;
  warehouse: string;
  chamber: string | null;
  since_ns: number;
  extreme_dc: number;
  restored_ns: number | null;
  outside_ns: number | null;
  receipts: number;
  hours: number;
}

export interface StockChange {
  sequence: number;
  position: number;
  time_ns: number;
  cause: 'shrinkage' | 'stock_take';
  booked_g: number;
  weight_g: number;
  shrinkage_g: number;
  reason: string;
}
