import type { Fill, Lot, Receipt } from './types.ts';

export const STEPS = ['announced', 'weighed', 'inspected', 'receipted', 'offered', 'sold', 'paid'] as const;
export type Step = (typeof STEPS)[number];

/** How far a lot has come from the field to the money, and the figures that say so. */
export interface Progress {
  /** Steps done, in order; `offered` counts while something is offered or once something is sold. */
  done: Step[];
  refused: boolean;
  offeredG: number;
  soldG: number;
  paidFen: bigint;
  /** What could be sold now. */
  availableG: number;
}

/**
 * A lot's receipt loses weight by sales alone while it is the grower's, so what is sold is the net weight less what the receipt
 * still has; payment comes with each fill (delivery against payment). A fill's fee is shared among its receipts by weight.
 */
export function progressOf(lot: Lot, receipt: Receipt | null, fills: readonly Fill[]): Progress {
  const progress: Progress = {
    done: ['announced'],
    refused: lot.status === 'refused',
    offeredG: 0,
    soldG: 0,
    paidFen: 0n,
    availableG: 0,
  };
  if (lot.net_g !== null) progress.done.push('weighed');
  if (lot.colour_stage !== null && !progress.refused) progress.done.push('inspected');
  if (lot.receipt_id === null) return progress;
  progress.done.push('receipted');
  for (const fill of fills) {
    for (const [receiptId, quantity] of fill.lots ?? []) {
      if (receiptId !== lot.receipt_id) continue;
      const share = (BigInt(fill.fee_fen) * BigInt(quantity)) / BigInt(fill.quantity);
      progress.paidFen += BigInt(fill.price) * BigInt(quantity) - share;
      progress.soldG += quantity * 1000;
    }
  }
  if (receipt !== null) {
    progress.offeredG = receipt.reserved_g;
    if (receipt.state === 'issued') progress.availableG = receipt.weight_g - receipt.reserved_g;
    if (receipt.state === 'issued' || receipt.state === 'split') {
      progress.soldG = Math.max(progress.soldG, (lot.net_g ?? 0) - receipt.weight_g);
    }
  }
  if (progress.offeredG > 0 || progress.soldG > 0) progress.done.push('offered');
  if (progress.soldG > 0) progress.done.push('sold');
  if (progress.paidFen > 0n) progress.done.push('paid');
  return progress;
}
