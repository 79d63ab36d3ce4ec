import { en } from './en.ts';
import { zh } from './zh.ts';

export type Language = 'zh-CN' | 'en';
export type Key = keyof typeof zh;
export type Words = Record<string, string | number>;

export const DICTIONARIES: Record<Language, Record<Key, string>> = { 'zh-CN': zh, en };

/** The text of a key, its `{names}` filled in. */
export function translate(language: Language, key: Key, words: Words = {}): string {
  return DICTIONARIES[language][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(words[name] ?? whole));
}

export function isKey(key: string): key is Key {
  return Object.hasOwn(zh, key);
}

/** What a stable code of the server means: a fault of the request, or the market's reason; unknown ones are shown as they are. */
export function explain(language: Language, code: string): string {
  for (const key of [`error.${code}`, `reason.${code}`]) if (isKey(key)) return translate(language, key);
  return translate(language, 'error.unknown', { code });
}

/** A reason inside a sentence, where a whole one would not do. */
export function reasonWords(language: Language, reason: string | null): string {
  const key = `reason.${reason ?? ''}`;
  return isKey(key) ? translate(language, key) : (reason ?? '');
}

/** What the browser asks for, Chinese first; odd tags (`en-US@posix`) are no reason to fail. */
export function preferredLanguage(tags: readonly string[]): Language {
  const known = tags.find((tag) => /^(zh|en)\b/i.test(tag));
  return known !== undefined && /^en/i.test(known) ? 'en' : 'zh-CN';
}
