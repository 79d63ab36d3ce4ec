/** `BXJ-1-SX1-26W47`: variety, grade, warehouse, harvest week. */
export interface SymbolParts {
  variety: string;
  grade: 'E' | '1' | '2';
  warehouse: string;
  year: number;
  week: number;
}

const SHAPE = /^([A-Z]{2,4})-(E|1|2)-([A-Z]{2,3}\d{1,2})-(\d{2})W(\d{2})$/;

export function parseSymbol(symbol: string): SymbolParts | null {
  const match = SHAPE.exec(symbol);
  if (!match) return null;
  return {
    variety: match[1]!,
    grade: match[2] as SymbolParts['grade'],
    warehouse: match[3]!,
    year: 2000 + Number(match[4]),
    week: Number(match[5]),
  };
}
