import type { zh } from './words/zh.ts';

export type Language = 'zh-CN' | 'en';
export type Key = keyof typeof zh;
export type Words = Record<string, string | number>;
export type Dictionary = Record<Key, string>;

/** A reader loads the words of his own language alone; the other's come when he changes to it. */
const LOADERS: Record<Language, () => Promise<Dictionary>> = {
  'zh-CN': async () => (await import('./words/zh.ts')).zh,
  en: async () => (await import('./words/en.ts')).en,
};
const known: Partial<Record<Language, Dictionary>> = {};

/** Load a language's words; before that nothing can be said in it. Rejects where they cannot be had. */
export async function learn(language: Language): Promise<void> {
  known[language] ??= await LOADERS[language]();
}

/** The text of a key, its `{names}` filled in. */
export function translate(language: Language, key: Key, words: Words = {}): string {
  const text = known[language]?.[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(words[name] ?? whole));
}

export function isKey(key: string): key is Key {
  return Object.values(known).some((dictionary) => Object.hasOwn(dictionary, key));
}

/** What a stable code of the server means: a fault of the request, or the market's reason; unknown ones are shown as they are. */
export function explain(language: Language, code: string): string {
  for (const key of [`error.${code}`, `reason.${code}`]) if (isKey(key)) return translate(language, key);
  if (code.startsWith('exists_with_different_')) return translate(language, 'reason.exists_with_different');
  if (code.startsWith('invalid_')) return translate(language, 'error.invalid_request');
  return translate(language, 'error.unknown', { code });
}

/** A reason inside a sentence, where a whole one would not do. */
export function reasonWords(language: Language, reason: string | null): string {
  const key = `reason.${reason ?? ''}`;
  return isKey(key) ? translate(language, key) : (reason ?? '');
}

/** What the browser asks for, Chinese first; odd tags (`en-US@posix`) are no reason to fail. */
export function preferredLanguage(tags: readonly string[]): Language {
  const spoken = tags.find((tag) => /^(zh|en)\b/i.test(tag));
  return spoken !== undefined && /^en/i.test(spoken) ? 'en' : 'zh-CN';
}
