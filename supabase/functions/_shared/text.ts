import { Buffer } from "node:buffer";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const digest = (text: string) => createHash("sha256").update(text, "utf8");

/** SHA-256 in hexadecimal. */
export const sha256 = (text: string): string => digest(text).digest("hex");

/** SHA-256 in base64url: PKCE's S256 (RFC 7636, section 4.2). */
export const challenge = (verifier: string): string => digest(verifier).digest("base64url");

/** `bytes` random bytes in base64url. */
export const randomText = (bytes: number): string => randomBytes(bytes).toString("base64url");

/** Base64 of text in UTF-8. */
export const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

/** Whether two texts are equal, compared in constant time. */
export const same = (one: string, other: string): boolean =>
  timingSafeEqual(digest(one).digest(), digest(other).digest());

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
