import { forbidden } from "next/navigation";

// Where the proxy sends whom it turns away.
export default function Page() {
  forbidden();
}
