/**
 * Hand-over codes that this page was told. The server tells each once and keeps none, so they live as long as the page does;
 * whoever has lost one draws another.
 */
class Codes {
  #known = $state<Record<number, string>>({});

  keep(deliveryId: number, code: string): void {
    this.#known[deliveryId] = code;
  }

  of(deliveryId: number): string | null {
    return this.#known[deliveryId] ?? null;
  }

  forget(deliveryId: number): void {
    delete this.#known[deliveryId];
  }
}

export const codes = new Codes();
