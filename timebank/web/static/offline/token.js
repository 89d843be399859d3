// Tokens as tokens.py has them, and Ed25519: by the browser's own WebCrypto where it can, else by tweetnacl.

const TOKEN = /^(?:(?:HTTPS?:\/\/[A-Z0-9.:-]{1,200}\/|TIMEBANK:)V\/)?([A-Z2-7]{144})(?:[/?#].*)?$/;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const DOMAIN = "timebank voucher v1\0";
const FIRST_DAY = Date.UTC(2000, 0, 1);
const DAY_MS = 86400000;

const utf8 = (text) => new TextEncoder().encode(text);
const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const base32 = (text) => {
  const bytes = [];
  let held = 0, bits = 0;
  for (const letter of text) {
    held = (held << 5) | ALPHABET.indexOf(letter);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 255);
      held &= (1 << bits) - 1;
    }
  }
  return Uint8Array.from(bytes);
};

/** Read what a QR holds or what was pasted; null if it is no token of this version. Nothing is believed before `verified`. */
const readToken = (text) => {
  const narrow = text.replace(/[\uff01-\uff5e]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0));
  const found = text.length <= 1000 ? TOKEN.exec(narrow.replace(/\s+/g, "").toUpperCase()) : null;
  if (!found) return null;
  const data = base32(found[1]);
  const number = (from, width) => data.slice(from, from + width).reduce((sum, b) => sum * 256 + b, 0);
  if (data[0] !== 1 || data[1] === 0) return null;
  return {
    text: found[1],
    packed: data.slice(0, 26),
    signature: data.slice(26),
    key: data[1],
    community: hex(data.slice(2, 6)),
    merchant: number(6, 4),
    offer: number(10, 4),
    voucher: number(14, 5),
    points: number(19, 4),
    lastDay: new Date(FIRST_DAY + number(23, 3) * DAY_MS).toISOString().slice(0, 10),
  };
};

// RFC 8032 wants S below the group's order; tweetnacl does not look, and would let a changed copy of a signature pass.
const ORDER = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
const canonicalSignature = (signature) => {
  for (let i = 31; i >= 0; i--) if (signature[32 + i] !== ORDER[i]) return signature[32 + i] < ORDER[i];
  return false;
};

const NATIVE = { name: "Ed25519" };
const usesNative = (async () => {
  try {
    const made = await crypto.subtle.generateKey(NATIVE, false, ["sign", "verify"]);
    return made.privateKey.type === "private";
  } catch {
    return false;
  }
})();

/** Whether a signature (64 bytes) over a message is that of a public key (32 bytes). */
const verified = async (message, signature, publicKey) => {
  if (!canonicalSignature(signature)) return false;
  if (!(await usesNative)) return nacl.sign.detached.verify(message, signature, publicKey);
  const key = await crypto.subtle.importKey("raw", publicKey, NATIVE, false, ["verify"]);
  return crypto.subtle.verify(NATIVE, key, signature, message);
};

/** A new key pair: its private half cannot be read out where the browser keeps it itself. */
const newKeys = async () => {
  if (await usesNative) {
    const made = await crypto.subtle.generateKey(NATIVE, false, ["sign", "verify"]);
    return { publicKey: new Uint8Array(await crypto.subtle.exportKey("raw", made.publicKey)), secret: made.privateKey };
  }
  const made = nacl.sign.keyPair();
  return { publicKey: made.publicKey, secret: made.secretKey };
};

/** Sign a message (bytes): 64 bytes. */
const signed = async (message, secret) =>
  secret instanceof Uint8Array
    ? nacl.sign.detached(message, secret)
    : new Uint8Array(await crypto.subtle.sign(NATIVE, secret, message));

/** One line as the office reads it (acceptance_text.py): what is said in canonical JSON, and its signature. */
const line = async (kind, said, secret) => {
  const sorted = Object.fromEntries(Object.entries(said).sort(([a], [b]) => (a < b ? -1 : 1)));
  const bytes = utf8(JSON.stringify(sorted));
  return `${kind}.${base64url(bytes)}.${base64url(await signed(bytes, secret))}`;
};
