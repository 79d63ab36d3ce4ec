/** The shapes of the public face, as this program reads them. Units stand in the names; a bare price is fen a kilogram, a bare quantity kilograms. */
import type { Amount } from './format.ts';

export type Role = 'trader' | 'grower' | 'warehouse' | 'analyst' | 'operator';
export type Side = 'buy' | 'sell';
export type Phase = 'closed' | 'auction' | 'continuous' | 'halted';
export type Grade = 'E' | '1' | '2';

export interface Participant {
  participant_id: number;
  name: string;
  display_name: string;
  roles: Role[];
  obliged?: boolean;
}

export interface Me extends Participant {
  csrf_token: string | null;
}

export interface Named {
  code: string;
  name_zh: string;
  name_en: string;
}

/** How a trade without a book becomes a contract; days are trading days after the day of the trade. */
export interface ContractTerms {
  earnest_permille: number;
  payment_days: number;
  pickup_days: number;
  final_days: number;
  first_part_permille: number;
  tolerance_permille: number;
  objection_hours: number;
  late_permille: number;
  termination_days: number;
  substitution: boolean;
}

export interface Venue {
  profile: string;
  demo?: boolean;
  fee_rate_ppm: number;
  fee_taker_rate_ppm: number;
  fee_minimum_fen: number;
  warehouses: Named[];
  varieties: (Named & { green_life_days: number })[];
  towns: { name_zh: string; name_en: string }[];
  clock: { mode: 'real' | 'manual'; time_ns: number };
}

export interface Instrument {
  symbol: string;
  tick_size: number;
  lot_size: number;
  mode: string;
  phase: Phase;
  reference_price: number | null;
  band: number | null;
  last: number | null;
  variety: string;
  grade: Grade;
  warehouse: string;
  harvest_week: string;
}

export type Quote = readonly [price: number, quantity: number];

export interface Ticker {
  bid: Quote | null;
  ask: Quote | null;
  last: number | null;
  open: number | null;
  high: number | null;
  low: number | null;
  previous_close: number | null;
  volume: number;
  turnover_fen: Amount;
  vwap: number | null;
}

export interface Trade {
  trade_id: number;
  price: number;
  quantity: number;
  aggressor_side: Side | null;
  time_ns: number;
  busted: boolean;
}

export type OrderStatus = 'accepted' | 'resting' | 'partly_filled' | 'filled' | 'cancelled' | 'rejected' | 'expired';

export interface Order {
  order_id: number;
  client_order_id: string;
  symbol: string;
  side: Side;
  kind: 'limit' | 'market' | 'stop' | 'stop_limit';
  price: number | null;
  stop_price: number | null;
  quantity: number;
  filled: number;
  remaining: number;
  time_in_force: string;
  status: OrderStatus;
  reason: string | null;
  traded_fen: Amount;
  fee_fen: Amount;
  sequence: number;
  time_ns: number;
  expires_ns?: number | null;
  via?: Via;
  offer_id?: number | null;
}

export type Via = 'order' | 'listing' | 'take' | 'counter' | 'auction' | 'bid' | 'report' | 'confirmation';

export interface Counter {
  counter_id: number;
  quantity: number;
  price: number;
  expires_ns: number | null;
  mine: boolean;
}

/** What can be taken: a lot at a price, or a want (`buy`). */
export interface Listing {
  listing_id: number;
  symbol: string;
  side: Side;
  quantity: number;
  remaining: number;
  price: number;
  receipt_id: number | null;
  minimum_quantity: number | null;
  expires_ns: number | null;
  counters: Counter[];
  mine: boolean;
}

/** `price` is the leading bid's, or what the clock shows; `leading`: the bid is one's own. */
export interface Auction {
  auction_id: number;
  symbol: string;
  side: Side;
  quantity: number;
  receipt_id: number | null;
  style: 'english' | 'dutch';
  start_price: number;
  step: number;
  opened_ns: number;
  ends_ns: number;
  extension_ns: number;
  interval_ns: number | null;
  price: number | null;
  leading: boolean;
  mine: boolean;
}

/** A trade that its counterparty has not answered; `side` is the reporter's. */
export interface Report {
  report_id: number;
  participant_id: number;
  counterparty_id: number;
  symbol: string;
  side: Side;
  quantity: number;
  price: number;
  receipt_id: number | null;
  expires_ns: number;
  mine: boolean;
}

export interface Fill {
  trade_id: number;
  order_id: number;
  price: number;
  quantity: number;
  fee_fen: Amount;
  lots: [receipt_id: number, quantity: number][] | null;
  symbol?: string;
  side?: Side;
  time_ns?: number;
}

export interface Balance {
  asset: string;
  unit: 'fen' | 'g';
  total: Amount;
  available: Amount;
  reserved: Amount;
}

export type LotStatus = 'announced' | 'arrived' | 'weighed' | 'inspected' | 'receipted' | 'refused';

export interface Lot {
  lot_id: number;
  participant_id: number;
  grower?: string;
  variety: string;
  grade: Grade;
  warehouse: string;
  harvest_date: string;
  cartons: number;
  weight_g: number;
  town: string;
  village: string;
  certificate_number: string | null;
  status: LotStatus;
  symbol: string;
  announced_ns: number;
  gross_g: number | null;
  tare_g: number | null;
  net_g: number | null;
  scale_id: string | null;
  inspected_grade: Grade | null;
  colour_stage: number | null;
  defect_permille: number | null;
  temperature_dc: number | null;
  reason: string | null;
  receipt_id: number | null;
  marks?: string | null;
  arrived_ns?: number | null;
  plate?: string | null;
  carrier?: string | null;
  finger_length_mm?: number | null;
  thickness_mm?: number | null;
  blemish_mm2?: number | null;
}

export type ReceiptState =
  | 'issued'
  | 'pledged'
  | 'held'
  | 'delivery_ordered'
  | 'expired'
  | 'split'
  | 'merged'
  | 'delivered'
  | 'void'
  | 'replaced';

export interface Receipt {
  receipt_id: number;
  /** As printed, with its check characters. */
  number?: string;
  lot_id: number;
  parent_receipt_id: number | null;
  participant_id: number;
  symbol: string;
  warehouse: string;
  weight_g: number;
  reserved_g: number;
  available_g?: number;
  state: ReceiptState;
  harvest_date: string;
  issued_ns: number;
  expires_ns: number;
  storage_from_day?: number;
  pledge?: { lender_id: number; reference: string; amount_fen: Amount; since_ns: number } | null;
  holds?: { cause: string; reason: string; operator_id: number; since_ns: number }[];
}

export interface LedgerEntry {
  transfer_id: number;
  sequence: number;
  time_ns: number;
  cause: string;
  reference_id: number;
  asset: string;
  amount: Amount;
  debit: string;
  credit: string;
}

export interface List<T> {
  items: T[];
  next: string | null;
  sequence?: number;
}
