import { age, secondsOf, wholeKilograms, type Amount } from '../lib/format.ts';
import { parseSymbol } from '../lib/symbol.ts';
import { ENDED, type ContractState } from '../lib/contracts.ts';
import type { DeliveryState, WithdrawalState } from '../lib/settlement.ts';
import type { Grade, Named, Receipt } from '../lib/types.ts';
import { app } from './app.svelte.ts';
import { named, prefs, t } from './prefs.svelte.ts';

/** What codes are called in the language chosen; a code that the venue does not name stands for itself. */
export function nameOf(list: readonly Named[] | undefined, code: string): string {
  const named = list?.find((entry) => entry.code === code);
  if (named === undefined) return code;
  return prefs.language === 'zh-CN' ? named.name_zh : named.name_en;
}

export function varietyName(code: string): string {
  return nameOf(app.venue?.varieties, code);
}

export function warehouseName(code: string): string {
  return nameOf(app.venue?.warehouses, code);
}

export function gradeName(grade: Grade): string {
  return t(`grade.${grade}`);
}

/** `巴西蕉 一级`: what an instrument is. */
export function goodsName(symbol: string): string {
  const parts = parseSymbol(symbol);
  return parts === null ? symbol : `${varietyName(parts.variety)} ${gradeName(parts.grade)}`;
}

/** `遂溪一号库 · 2026年第47周`: where it lies and when it was cut. */
export function placeName(symbol: string): string {
  const parts = parseSymbol(symbol);
  if (parts === null) return '';
  return `${warehouseName(parts.warehouse)} · ${t('week', { year: parts.year, week: parts.week })}`;
}

/** `遂溪一号库 · 45周`, where there is little room: green life is weeks, so the year goes without saying. */
export function shortPlaceName(symbol: string): string {
  const parts = parseSymbol(symbol);
  return parts === null ? '' : `${warehouseName(parts.warehouse)} · ${t('week.short', { week: parts.week })}`;
}

/** `SX1 47周`, beside the goods' name in a table's cell. */
export function tinyPlaceName(symbol: string): string {
  const parts = parseSymbol(symbol);
  return parts === null ? symbol : `${parts.warehouse} ${t('week.short', { week: parts.week })}`;
}

/** The town as the form offers it; the lot keeps the Chinese name. */
export function townName(town: string): string {
  if (prefs.language === 'zh-CN') return town;
  return app.venue?.towns.find((entry) => entry.name_zh === town)?.name_en ?? town;
}

export function ageText(fromNs: Amount): string {
  const { value, unit } = age(fromNs, Math.floor(app.timeNs / 1e9) * 1e9);
  return value === 0 && unit === 'minute' ? t('age.now') : t(`age.${unit}`, { value });
}

/** The number that stands on the paper. */
export function receiptNumber(receipt: Receipt): string {
  return receipt.number ?? String(receipt.receipt_id);
}

/** What can be sold of a receipt. */
export function kilogramsOf(receipt: Receipt): number {
  return receipt.state === 'issued' ? Number(wholeKilograms(receipt.weight_g - receipt.reserved_g)) : 0;
}

/** Whole days of green life that are left. */
export function daysLeft(receipt: Receipt): number {
  return Math.max(0, Math.floor((secondsOf(receipt.expires_ns) - Math.floor(app.timeNs / 1e9)) / 86_400));
}

/** Whether a delivery's state asks for something, is good or is bad. */
export function deliveryTone(state: DeliveryState): '' | 'due' | 'good' | 'bad' {
  if (state === 'accepted' || state === 'made_good') return 'good';
  if (state === 'failed' || state === 'buying_in') return 'bad';
  return state === 'cancelled' ? '' : 'due';
}

export function withdrawalTone(state: WithdrawalState): '' | 'due' | 'good' | 'bad' {
  if (state === 'paid') return 'good';
  if (state === 'rejected' || state === 'expired') return 'bad';
  return state === 'cancelled' ? '' : 'due';
}

/** Why money or goods moved. */
export function causeName(cause: string): string {
  return named(`cause.${cause}`, cause);
}

/** The other side of a posting; other people are not named. */
export function counterName(account: string): string {
  const kind = account.split(':')[0]!;
  const code = account.slice(kind.length + 1);
  if (kind === 'warehouse') return warehouseName(code);
  return named(`account.${kind}`, account);
}

export function contractTone(state: ContractState): '' | 'due' | 'good' | 'bad' {
  if (state === 'completed') return 'good';
  if (['overdue', 'uncollected', 'failed', 'objected', 'disputed', 'defaulted'].includes(state)) return 'bad';
  return ENDED.has(state) ? '' : 'due';
}

/** Why a receipt is on hold, in a sentence. What the venue itself wrote, it wrote for programs; people's reasons stand as they are. */
export function holdText(hold: { cause: string; reason: string; operator_id: number }): string {
  const cause = named(`receipt.hold.${hold.cause}`, hold.cause);
  const [, logger, id] = /^logger (\S+), break (\d+)$/.exec(hold.reason) ?? [];
  const [, contract] = /^contract (\d+)$/.exec(hold.reason) ?? [];
  const why =
    hold.operator_id !== 0
      ? hold.reason
      : logger !== undefined
        ? t('receipt.hold.by_logger', { logger, id: id ?? '' })
        : contract !== undefined
          ? t('contract.number', { id: contract })
          : hold.reason;
  return t('receipt.held_for', { cause, reason: why });
}
