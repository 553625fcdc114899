import type { NextRequest } from "next/server";
import { events } from "@/lib/audit";
import { database, rows } from "@/lib/database";
import { session } from "@/lib/session";

const MOST = 1000;
const COLUMNS = [
  "at",
  "user",
  "action",
  "module",
  "tool",
  "account",
  "outcome",
  "duration_ms",
  "request_id",
  "client",
  "argument_names",
] as const;

/** The audit log as CSV (RFC 4180): the newest 1,000 events that match the page's filters. */
export async function GET(request: NextRequest): Promise<Response> {
  if ((await session())?.systemRole !== "admin")
    return Response.json({ error: "forbidden" }, { status: 403 });
  const found = rows(await events(Object.fromEntries(request.nextUrl.searchParams), MOST));
  const users = new Map(
    rows(await (await database()).from("users").select("id, email")).map(({ id, email }) => [
      id,
      email,
    ]),
  );
  const lines = found.map((event) => {
    const row = {
      ...event,
      user: event.user_id && (users.get(event.user_id) ?? event.user_id),
      argument_names: event.argument_names.join(" "),
    };
    return COLUMNS.map((column) => cell(row[column])).join(",");
  });
  return new Response([COLUMNS.join(","), ...lines, ""].join("\r\n"), {
    headers: {
      "content-type": "text/csv; charset=utf-8",
      "content-disposition": 'attachment; filename="mcpist-audit.csv"',
      "cache-control": "no-store",
    },
  });
}

/** Escapes a cell. Values that look like formulas get a quote, because clients choose their own names. */
function cell(value: string | number | null): string {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t\r]/.test(text) && typeof value !== "number" ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
