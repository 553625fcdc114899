/**
 * Characters that are invisible or change how the text around them is shown: controls, formats (bidirectional, zero-width, tags),
 * lone surrogates, private and unassigned code points, line and paragraph separators, blank letters, and unusual spaces.
 */
const HIDDEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u115f\u1160\u2800\u3164\uffa0]|\u034f|[\u17b4\u17b5]|[\u180b-\u180f]|[\ufe00-\ufe0e]|[\u{e0100}-\u{e01ef}]|(?![ \u3000])\p{Zs}/u;

const SHORT: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** A part of a text: shown unchanged, or an escape that stands for hidden characters. */
export interface Part {
  text: string;
  isEscape: boolean;
}

/** Above this many escapes, they are not marked: the page would have too many elements. */
const MOST_PARTS = 5000;

/** Splits a text into visible parts and escapes. A line break is an escape followed by the line break itself. */
export function visible(text: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  const add = (part: string, isEscape: boolean) => {
    const last = parts.at(-1);
    if (last && (last.isEscape === isEscape || parts.length >= MOST_PARTS)) last.text += part;
    else if (part) parts.push({ text: part, isEscape });
  };
  for (const match of text.matchAll(new RegExp(HIDDEN, "gu"))) {
    add(text.slice(from, match.index), false);
    const [character] = match;
    from = match.index + character.length;
    const code = character.codePointAt(0) as number;
    add(SHORT[character] ?? `\\u{${code.toString(16).toUpperCase().padStart(4, "0")}}`, true);
    if (character === "\n") add("\n", false);
  }
  add(text.slice(from), false);
  return parts;
}

/** Returns the text with hidden characters as escapes and without line breaks, at most `most` characters of it. */
export function visibleLine(text: string, most = 200): string {
  const characters = Array.from(text.slice(0, 2 * most + 2));
  const line = visible(characters.slice(0, most).join(""))
    .map((part) => (part.isEscape ? part.text : part.text.replaceAll("\n", "")))
    .join("");
  return characters.length > most ? `${line}…` : line;
}

/** Returns a JSON value as indented text. */
export const json = (value: unknown): string => JSON.stringify(value, null, 2);
