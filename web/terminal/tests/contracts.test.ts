import { describe, expect, test } from 'vitest';
import { actionsOf, duties, heldFen, invoiceFen, weightDifference, type Contract } from '../src/lib/contracts.ts';
import { sha256 } from '../src/lib/digest.ts';

/** Five tonnes at 2.50, of which nothing has happened yet. */
function contract(changes: Partial<Contract>): Contract {
  return {
    state: 'concluded',
    quantity: 5_000,
    paid: false,
    tendered: false,
    late: null,
    accepted: false,
    objection: null,
    objection_by_ns: null,
    invoice_number: null,
    pay_by_ns: 300,
    pickup_by_ns: 500,
    final_by_ns: 1500,
    due_ns: null,
    undelivered_g: 0,
    weighed_g: null,
    escrow_fen: 0,
    buyer_earnest_fen: 250_000,
    seller_earnest_fen: 250_000,
    settled_fen: null,
    granted_fen: 0,
    terms: { tolerance_permille: 100 },
    ...changes,
  } as Contract;
}

const told = (of: Contract) => duties(of).map(({ whose, what, byNs, late }) => [whose, what, byNs, late]);

describe('what is due', () => {
  test('first is the price from one and the goods from the other, by the end of D3', () => {
    expect(told(contract({}))).toEqual([
      ['buyer', 'pay', 300, false],
      ['seller', 'tender', 300, false],
    ]);
    expect(told(contract({ state: 'paid', paid: true }))).toEqual([['seller', 'tender', 300, false]]);
    expect(told(contract({ state: 'overdue', tendered: true, late: 'buyer' }))).toEqual([['buyer', 'pay', 300, true]]);
  });

  test('then to fetch the goods, to accept them, and to invoice', () => {
    expect(told(contract({ state: 'delivering' }))).toEqual([['buyer', 'fetch', 500, false]]);
    expect(told(contract({ state: 'uncollected' }))).toEqual([['buyer', 'fetch', 500, true]]);
    expect(told(contract({ state: 'part_paid', objection_by_ns: 700 }))).toEqual([
      ['buyer', 'accept', 700, false],
      ['seller', 'invoice', 1500, false],
    ]);
    expect(told(contract({ state: 'part_paid', accepted: true, invoice_number: '1' }))).toEqual([]);
  });

  test('is the venue’s where it is disputed, and nobody’s in the end', () => {
    expect(told(contract({ state: 'disputed' }))).toEqual([['venue', 'decide', null, false]]);
    expect(told(contract({ state: 'completed' }))).toEqual([]);
  });
});

describe('what a party can do', () => {
  test('is his own part', () => {
    expect(actionsOf(contract({}), 'buyer', 0)).toEqual(['pay']);
    expect(actionsOf(contract({}), 'seller', 0)).toEqual(['tender']);
    expect(actionsOf(contract({ state: 'weighed' }), 'seller', 0)).toEqual(['weight', 'dispute']);
    expect(actionsOf(contract({ state: 'objected' }), 'seller', 0)).toEqual(['answer', 'invoice', 'dispute']);
  });

  test('includes an objection while the window is open, once', () => {
    const paid = { state: 'part_paid', objection_by_ns: 700 } as const;
    expect(actionsOf(contract(paid), 'buyer', 699)).toEqual(['accept', 'object', 'dispute']);
    expect(actionsOf(contract(paid), 'buyer', 700)).toEqual(['accept', 'dispute']);
    expect(actionsOf(contract({ ...paid, accepted: true }), 'buyer', 0)).toEqual(['dispute']);
  });
});

test('the weight differs by what the scale showed, within ten per cent or not', () => {
  expect(weightDifference(contract({}))).toBeNull();
  expect(weightDifference(contract({ weighed_g: 4_500_000 }))).toEqual({
    expectedG: 5_000_000,
    offG: -500_000,
    within: true,
  });
  expect(weightDifference(contract({ weighed_g: 4_499_999 }))?.within).toBe(false);
  expect(weightDifference(contract({ weighed_g: 3_000_000, undelivered_g: 2_000_000 }))?.offG).toBe(0);
});

test('what a contract holds is escrow and both earnest monies; what is invoiced is the value less what was granted', () => {
  expect(heldFen(contract({ escrow_fen: '1250000' }))).toBe(1_750_000n);
  expect(invoiceFen(contract({ settled_fen: 1_200_000, granted_fen: 50_000 }))).toBe(1_150_000n);
});

test('a photograph has its SHA-256', async () => {
  expect(await sha256(new Blob(['banana']))).toBe('b493d48364afe44d11c0165cf470a4164d1e2609911ef998be868d46ade3de4e');
});
