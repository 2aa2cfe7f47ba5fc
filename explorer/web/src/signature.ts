// Ed25519: by the browser where it can, by our own copy of @noble where it cannot: pages without a
// secure context have no WebCrypto, and older browsers have no Ed25519 in it. SHA-256 is always
// ours: thousands of digests of a few bytes each are faster done at once than each waited for.

import { hashes, verify } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";

hashes.sha512 = sha512;

/** Set once the browser has shown that it cannot. */
let isOwn = false;

export async function verifySignature(
  key: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const subtle = globalThis.crypto?.subtle;
  if (subtle && !isOwn) {
    try {
      const name = "Ed25519";
      const known = await subtle.importKey("raw", key as BufferSource, name, false, ["verify"]);
      return await subtle.verify(name, known, signature as BufferSource, message as BufferSource);
    } catch {
      isOwn = true;
    }
  }
  try {
    return verify(signature, message, key, { zip215: false });
  } catch {
    return false;
  }
}
