import { forbidden } from "next/navigation";

// The proxy rewrites refused requests to this page.
export default function Page() {
  forbidden();
}
