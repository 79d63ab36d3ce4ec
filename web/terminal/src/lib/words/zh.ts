/** The terminal's words in Chinese, which come first; en.ts has the same keys. `{name}` is filled in. */
import { base } from './zh/base.ts';
import { market } from './zh/market.ts';
import { trading } from './zh/trading.ts';
import { offers } from './zh/offers.ts';
import { receipts } from './zh/receipts.ts';
import { grower } from './zh/grower.ts';
import { warehouse } from './zh/warehouse.ts';
import { deliveries } from './zh/deliveries.ts';
import { money } from './zh/money.ts';
import { contracts } from './zh/contracts.ts';
import { operator } from './zh/operator.ts';
import { data } from './zh/data.ts';
import { reasons } from './zh/reasons.ts';
import { refusals } from './zh/refusals.ts';

export const zh = {
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
} as const;
