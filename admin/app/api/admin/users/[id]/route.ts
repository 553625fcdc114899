import { NextResponse } from "next/server";
import { database } from "@/lib/database";
import { serviceAuth } from "@/lib/service";
import { session } from "@/lib/session";

/** Deletes an account and its data. The account is in Auth, so this needs the secret key. Admins only. */
export async function DELETE(
  _: Request,
  { params }: RouteContext<"/api/admin/users/[id]">,
): Promise<NextResponse> {
  const caller = await session();
  if (caller?.systemRole !== "admin")
    return NextResponse.json({ error: "forbidden" }, { status: 403 });
  const { id } = await params;
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id))
    return NextResponse.json({ error: "not_found" }, { status: 404 });
  if (id === caller.id) return NextResponse.json({ error: "self" }, { status: 409 });
  // Deleting the token rows also deletes their Vault secrets.
  const revoked = await (await database()).rpc("revoke_user_tokens", { p_user: id });
  const { error } = revoked.error ? revoked : await serviceAuth().deleteUser(id);
  if (error) {
    console.error("An account was not deleted:", error.message);
    return NextResponse.json(
      { error: "not_deleted" },
      { status: /last admin/.test(error.message) ? 409 : 502 },
    );
  }
  return new NextResponse(null, { status: 204 });
}
