import type { NextConfig } from "next";

// Headers of every response, including static files. The content security policy has a nonce per request: see proxy.ts.
const headers = [
  { key: "referrer-policy", value: "strict-origin-when-cross-origin" },
  {
    key: "permissions-policy",
    value: "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
  },
  { key: "x-content-type-options", value: "nosniff" },
  { key: "x-frame-options", value: "DENY" },
  { key: "cross-origin-opener-policy", value: "same-origin" },
  { key: "strict-transport-security", value: "max-age=63072000; includeSubDomains" },
];

const config: NextConfig = {
  poweredByHeader: false,
  reactStrictMode: true,
  // The surrounding repository has its own packages.
  turbopack: { root: import.meta.dirname },
  outputFileTracingRoot: import.meta.dirname,
  // Enables forbidden(), the 403 page.
  experimental: { authInterrupts: true },
  headers: async () => [{ source: "/:path*", headers }],
};

export default config;
