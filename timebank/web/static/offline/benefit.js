// What comes off a bill: benefits.py once more, in whole fen and points. A test compares both over thousands of cases.

const WHOLE_BP = 10000;
const FEN_MAX = 100000000;

/** Whole division; exact as long as `a` stays below 2^53, which checked bills, shares and prices do. */
const whole = (a, b) => (a - (a % b)) / b;

/** The most these points take off any bill, in fen. */
const worth = (terms, points) => {
  if (terms.kind === "offset") return whole(points * 100, terms.points_per_yuan);
  return terms.kind === "item" ? terms.item_fen : terms.max_fen;
};

/** What a voucher of so many points takes off a bill, with the steps; or {code} of the reason why nothing. */
const benefit = (terms, points, bill) => {
  if (terms.kind === "item") {
    if (bill) return { code: "bill_not_wanted" };
    return { bill: 0, share_bp: WHOLE_BP, share: terms.item_fen, limit: terms.item_fen, off: terms.item_fen, points: terms.points };
  }
  if (!Number.isSafeInteger(bill) || bill < 1 || bill > FEN_MAX) return { code: "bad_bill" };
  const offset = terms.kind === "offset";
  const share_bp = offset ? terms.max_share_bp : terms.off_bp;
  if (!offset && bill < terms.min_spend_fen) return { code: "below_min_spend" };
  const limit = worth(terms, points);
  const share = whole(bill * share_bp, WHOLE_BP);
  const off = Math.min(share, limit);
  if (off === 0) return { code: "no_benefit" };
  const price = offset ? whole(off * terms.points_per_yuan + 99, 100) : terms.points;
  return { bill, share_bp, share, limit, off, points: price };
};

/** An amount in yuan: 8600 -> "86.00". */
const yuan = (fen) => `${whole(fen, 100)}.${String(fen % 100).padStart(2, "0")}`;

/** A share for people: 5000 -> "50%", 1250 -> "12.5%". */
const percent = (bp) => {
  const part = String(bp % 100).padStart(2, "0").replace(/0+$/, "");
  return `${whole(bp, 100)}${part ? "." + part : ""}%`;
};

/** Points for people, from the smallest unit. */
const pointsText = (points, decimals) => (decimals ? `${whole(points, 10)}.${points % 10}` : String(points));

/** Fen of an amount as people type it ("86", "８６．５", "¥86.50"); null if it is none. */
const fenOf = (typed) => {
  const narrow = typed.replace(/[\uff01-\uff5e]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0)).replace(/。/g, ".");
  const found = /^[¥￥]?([0-9]{1,9})(?:\.([0-9]{0,2}))?元?$/.exec(narrow.replace(/[\s,]/g, ""));
  return found ? Number(found[1]) * 100 + Number((found[2] || "").padEnd(2, "0")) : null;
};
