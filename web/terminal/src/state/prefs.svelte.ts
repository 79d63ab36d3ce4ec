import { type PriceUnit, type WeightUnit } from '../lib/format.ts';
import {
  explain,
  isKey,
  learn,
  preferredLanguage,
  reasonWords,
  translate,
  type Key,
  type Language,
  type Words,
} from '../lib/i18n.ts';

export type Theme = 'auto' | 'light' | 'dark';
export type Colours = 'red_up' | 'green_up';

interface Kept {
  language: Language;
  theme: Theme;
  /** Null: as is usual in the language (Chinese: red up; English: green up). */
  colours: Colours | null;
  priceUnit: PriceUnit;
  weightUnit: WeightUnit;
}

const PLACE = 'banana.preferences';

/** What a person has chosen about the screen; kept in this browser, and only there. */
class Preferences {
  language = $state<Language>('zh-CN');
  theme = $state<Theme>('auto');
  colours = $state<Colours | null>(null);
  priceUnit = $state<PriceUnit>('kg');
  weightUnit = $state<WeightUnit>('kg');
  /** Whether the machine itself prefers dark. */
  machineDark = $state(false);

  constructor() {
    const kept = remembered(PLACE) as Partial<Kept> | null;
    this.language = oneOf(kept?.language, ['zh-CN', 'en']) ?? preferredLanguage(navigator.languages);
    this.theme = oneOf(kept?.theme, ['auto', 'light', 'dark']) ?? 'auto';
    this.colours = oneOf(kept?.colours, ['red_up', 'green_up']) ?? null;
    this.priceUnit = oneOf(kept?.priceUnit, ['kg', 'jin']) ?? 'kg';
    this.weightUnit = oneOf(kept?.weightUnit, ['kg', 't']) ?? 'kg';
    const machine = matchMedia('(prefers-color-scheme: dark)');
    this.machineDark = machine.matches;
    machine.addEventListener('change', (event) => (this.machineDark = event.matches));
  }

  get dark(): boolean {
    return this.theme === 'dark' || (this.theme === 'auto' && this.machineDark);
  }

  get shownColours(): Colours {
    return this.colours ?? (this.language === 'zh-CN' ? 'red_up' : 'green_up');
  }

  /** Change the language, once its words are here; rejects where they cannot be had. */
  async speak(language: Language): Promise<void> {
    await learn(language);
    this.language = language;
  }

  /** Tell the page and remember; run in an effect, since it reads every preference. */
  apply(): void {
    const page = document.documentElement;
    page.lang = this.language;
    page.dataset.theme = this.dark ? 'dark' : 'light';
    page.dataset.colours = this.shownColours;
    document.title = translate(this.language, 'app.name');
    const kept: Kept = {
      language: this.language,
      theme: this.theme,
      colours: this.colours,
      priceUnit: this.priceUnit,
      weightUnit: this.weightUnit,
    };
    remember(PLACE, kept);
  }
}

export const prefs = new Preferences();

/** The text of a key in the language chosen. */
export function t(key: Key, words: Words = {}): string {
  return translate(prefs.language, key, words);
}

/** The text of a key that is put together from what the server says, or that word as it came. */
export function named(key: string, otherwise: string): string {
  return isKey(key) ? t(key) : otherwise;
}

export function explained(code: string): string {
  return explain(prefs.language, code);
}

export function reason(code: string | null): string {
  return reasonWords(prefs.language, code);
}

/** A browser may refuse to keep anything (private windows); then nothing is remembered, and nothing else changes. */
export function remember(place: string, value: unknown): boolean {
  try {
    localStorage.setItem(place, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

export function remembered(place: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(place) ?? 'null');
  } catch {
    return null;
  }
}

function oneOf<T extends string>(value: T | null | undefined, allowed: readonly T[]): T | null {
  return value !== null && value !== undefined && allowed.includes(value) ? value : null;
}
