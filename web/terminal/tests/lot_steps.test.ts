import { expect, test } from 'vitest';
import { progressOf } from '../src/lib/lot_steps.ts';
import type { Fill, Lot, Receipt } from '../src/lib/types.ts';

const lot: Lot = {
  lot_id: 3,
  participant_id: 1,
  variety: 'BXJ',
  grade: '1',
  warehouse: 'SX1',
  harvest_date: '2026-11-20',
  cartons: 80,
  weight_g: 1_040_000,
  town: '遂城镇',
  village: '边塘村',
  certificate_number: null,
  status: 'announced',
  symbol: 'BXJ-1-SX1-26W47',
  announced_ns: 1,
  gross_g: null,
  tare_g: null,
  net_g: null,
  scale_id: null,
  inspected_grade: null,
  colour_stage: null,
  defect_permille: null,
  temperature_dc: null,
  reason: null,
  receipt_id: null,
};
const graded: Lot = { ...lot, status: 'receipted', net_g: 1_000_500, colour_stage: 1, receipt_id: 7 };
const receipt: Receipt = {
  receipt_id: 7,
  lot_id: 3,
  parent_receipt_id: null,
  participant_id: 1,
  symbol: lot.symbol,
  warehouse: 'SX1',
  weight_g: 1_000_500,
  reserved_g: 0,
  state: 'issued',
  harvest_date: lot.harvest_date,
  issued_ns: 2,
  expires_ns: 3,
};
const fill: Fill = { trade_id: 1, order_id: 9, price: 230, quantity: 400, fee_fen: 46, lots: [[7, 400]] };

test('a lot begins announced', () => {
  expect(progressOf(lot, null, []).done).toEqual(['announced']);
});

test('a refused lot goes no further', () => {
  const refused: Lot = { ...lot, status: 'refused', net_g: 5, colour_stage: 7 };
  expect(progressOf(refused, null, [])).toMatchObject({ refused: true, done: ['announced', 'weighed'] });
});

test('a receipt makes it saleable', () => {
  expect(progressOf(graded, receipt, [])).toMatchObject({
    done: ['announced', 'weighed', 'inspected', 'receipted'],
    availableG: 1_000_500,
  });
});

test('an offer that was partly taken is offered, sold and paid at once', () => {
  const partly = { ...receipt, weight_g: 600_500, reserved_g: 500_000 };
  expect(progressOf(graded, partly, [fill])).toEqual({
    done: ['announced', 'weighed', 'inspected', 'receipted', 'offered', 'sold', 'paid'],
    refused: false,
    offeredG: 500_000,
    soldG: 400_000,
    paidFen: 230n * 400n - 46n,
    availableG: 100_500,
  });
});

test('a fill of several receipts pays each its share', () => {
  const shared: Fill = {
    ...fill,
    quantity: 500,
    fee_fen: 50,
    lots: [
      [6, 100],
      [7, 400],
    ],
  };
  expect(progressOf(graded, null, [shared]).paidFen).toBe(230n * 400n - 40n);
});
