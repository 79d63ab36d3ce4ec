/** The same words in English. */
import { base } from './en/base.ts';
import { market } from './en/market.ts';
import { trading } from './en/trading.ts';
import { offers } from './en/offers.ts';
import { receipts } from './en/receipts.ts';
import { grower } from './en/grower.ts';
import { warehouse } from './en/warehouse.ts';
import { deliveries } from './en/deliveries.ts';
import { money } from './en/money.ts';
import { contracts } from './en/contracts.ts';
import { operator } from './en/operator.ts';
import { data } from './en/data.ts';
import { reasons } from './en/reasons.ts';
import { refusals } from './en/refusals.ts';
import type { zh } from './zh.ts';

export const en: Record<keyof typeof zh, string> = {
  ...base,
  ...market,
  ...trading,
  ...offers,
  ...receipts,
  ...grower,
  ...warehouse,
  ...deliveries,
  ...money,
  ...contracts,
  ...operator,
  ...data,
  ...reasons,
  ...refusals,
};
