// The page: a photo or a text -> green, amber or red -> the bill -> what to take off -> accepted, signed, kept, sent when it can.

const shop = JSON.parse(document.getElementById("shop").textContent);
const at = (id) => document.getElementById(id);
const SLACK_MS = 5 * 60000;
const SEND_EVERY_MS = 60000;
const SEND_MOST = 100;
const PHOTO_SIDES = [1600, 1000, 640, 2400];

let language = (navigator.language || "zh").startsWith("zh") ? "zh" : "en";
let db = null, own = null, current = null, sending = false, told = null, clockOff = 0;

const say = (key, values = {}) =>
  (shop.words[language][key] || key).replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));

const now = () => Date.now();
const instant = (ms) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
const inShop = (ms, fields) => new Intl.DateTimeFormat("en-CA", { timeZone: shop.timezone, hourCycle: "h23", ...fields }).format(ms);
const day = (ms) => inShop(ms, { year: "numeric", month: "2-digit", day: "2-digit" });
const clock = (ms) => `${day(ms)} ${inShop(ms, { hour: "2-digit", minute: "2-digit" })}`;
const numberOf = (n) => `D${String(shop.device).padStart(3, "0")}-${n}`;

/** Why this phone can accept nothing at present: {colour, key, values}; null if it can. */
const hindered = async () => {
  const latest = (await kept.all(db)).reduce((most, item) => Math.max(most, item.at), Date.parse(shop.made));
  if (now() < latest - SLACK_MS) return { colour: "red", key: "clock", values: { clock: clock(now()), known: clock(latest) } };
  if (now() > Date.parse(shop.until)) return { colour: "red", key: "file_over", values: { day: clock(Date.parse(shop.until)) } };
  if (!own) return { colour: "red", key: "lost" };
  if (!own.registered) return { colour: "amber", key: "unregistered" };
  return null;
};

/** What a token is worth here, before the bill. */
const judged = async (text) => {
  const token = readToken(text);
  if (!token) return text.replace(/[\s-]/g, "").length === 12 ? { colour: "amber", key: "short_code" } : { colour: "red", key: "no_voucher" };
  if (token.community !== shop.community_hash) return { colour: "red", key: "other_community" };
  if (token.merchant !== shop.merchant) return { colour: "red", key: "other_shop" };
  const issuer = shop.keys.find((key) => key.number === token.key);
  if (!issuer) return { colour: "amber", key: "unknown_issuer" };
  const message = Uint8Array.from([...utf8(DOMAIN), ...token.packed]);
  if (!(await verified(message, token.signature, unhex(issuer.public)))) return { colour: "red", key: "forged" };
  const hindrance = await hindered();
  if (hindrance) return hindrance;
  if (token.lastDay < day(now())) return { colour: "red", key: "expired", values: { day: token.lastDay } };
  const used = await kept.of(db, token.voucher);
  if (used) return usedHere(used);
  const offer = shop.offers.find((one) => one.id === token.offer);
  if (!offer) return { colour: "amber", key: "unknown_offer" };
  return { colour: "green", key: "good", token, offer };
};

const usedHere = (item) => ({ colour: "red", key: "used_here", values: { when: clock(item.at), number: numberOf(item.n) } });

/** Show a verdict over the whole width. */
const show = (verdict) => {
  current = { verdict };
  draw();
  at("result").focus();
};

const draw = () => {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.querySelectorAll("[data-say]").forEach((element) => (element.textContent = say(element.dataset.say)));
  at("language").textContent = language === "zh" ? "English" : "中文";
  at("language").lang = language === "zh" ? "en" : "zh-CN";
  at("shop-name").textContent = `${shop.name} (${shop.number})`;
  at("community-name").textContent = shop.community_name;
  at("registered").textContent = own ? say(own.registered ? "registered" : "registering", { device: numberOf("").slice(0, -1) }) : "";
  at("until").textContent = say("until", { day: clock(Date.parse(shop.until)) });
  document.title = say("title", { shop: shop.name });
  drawResult();
  drawNotice();
};

const drawNotice = () => {
  const notes = [told && say(told.key, told.values), clockOff && say("clock_off", { minutes: clockOff })].filter(Boolean);
  at("notice").hidden = !notes.length;
  at("notice").textContent = notes.join(" ");
};

const drawResult = () => {
  const verdict = current && current.verdict;
  at("result").hidden = !verdict;
  at("scan").hidden = Boolean(verdict);
  if (!verdict) return;
  at("result").className = verdict.colour;
  const { token, offer } = verdict;
  at("verdict").textContent = offer ? offer.words[language] : say(verdict.key, verdict.values);
  at("detail").textContent = offer
    ? say("good", { most: yuan(worth(offer.terms, token.points)), day: token.lastDay, voucher: `V${token.voucher}` })
    : say(`${verdict.key}_do`, verdict.values);
  at("bill-form").hidden = !offer || Boolean(current.accepted);
  at("bill-line").hidden = !offer || offer.terms.kind === "item";
  drawOff();
};

const drawOff = () => {
  const { done, verdict, accepted } = current;
  at("off").hidden = !done;
  if (!done) return;
  const { terms } = verdict.offer;
  at("take-off").textContent = done.code ? say(done.code, { least: yuan(terms.min_spend_fen || 0) }) : offText(terms, done);
  at("left").textContent = done.code || !done.bill ? "" : say("left", { yuan: yuan(done.bill - done.off) });
  at("steps").replaceChildren(...(done.code ? [] : steps(terms, done)).map((text) => item("li", text)));
  at("accept").hidden = Boolean(done.code || accepted);
  if (accepted) at("verdict").textContent = say("accepted", { number: numberOf(accepted.n) });
};

const offText = (terms, done) => (terms.kind === "item" ? say("hand_over") : say("take_off", { yuan: yuan(done.off) }));

const item = (name, text) => Object.assign(document.createElement(name), { textContent: text });

/** The arithmetic in words, as the receipt has it. */
const steps = (terms, done) => {
  const points = pointsText(done.points, shop.decimals);
  if (terms.kind === "item") return [say("step_price", { points })];
  const first = say("step_share", { share: percent(done.share_bp), bill: yuan(done.bill), part: yuan(done.share) });
  const second = say("step_limit", { limit: yuan(done.limit), off: yuan(done.off) });
  return [first, second, say(terms.kind === "offset" ? "step_points" : "step_price", { points })];
};

/** Write an acceptance down, signed, under the next running number; never twice the same voucher. */
const accept = async () => {
  const { verdict: { token }, done } = current;
  const again = await judged(token.text); // it may be another day by now
  if (!again.offer) return show(again);
  for (;;) {
    const n = (await kept.last(db)) + 1, moment = Math.floor(now() / 1000) * 1000;
    const said = { at: instant(moment), bill: done.bill, community: shop.community, device: shop.device, n, token: token.text, v: 1 };
    const taken = { n, voucher: token.voucher, at: moment, bill: done.bill, off: done.off, state: "waiting" };
    taken.line = await line("TB1", said, own.secret);
    try {
      await kept.add(db, taken);
      current.accepted = taken;
      draw();
      await drawKept();
      send();
      return at("result").focus();
    } catch (error) {
      if (!error || error.name !== "ConstraintError") return show({ colour: "red", key: "not_kept" });
      const used = await kept.of(db, token.voucher);
      if (used) return show(usedHere(used));
    }
  }
};

const drawKept = async () => {
  const all = db ? await kept.all(db) : [];
  const waiting = all.filter((one) => one.state === "waiting");
  at("kept").hidden = !all.length;
  at("waiting").textContent = say(waiting.length ? "waiting" : "all_sent", { count: waiting.length });
  at("send").hidden = at("by-hand").hidden = !waiting.length;
  at("lines").value = waiting.map((one) => one.line).join("\n");
  at("list").replaceChildren(...all.reverse().map((one) => item("li", stateText(one))));
};

const stateText = (one) => {
  const values = { number: numberOf(one.n), when: clock(one.at), off: yuan(one.off), code: one.code || "", entry: `E${String(one.entry || 0).padStart(6, "0")}` };
  const why = one.code && shop.words[language][`code_${one.code}`] ? say(`code_${one.code}`) : values.code;
  return say(`state_${one.state}`, { ...values, why });
};

/** Send text to the office's one address; gives its answer, or throws {code}. */
const posted = async (body) => {
  const response = await fetch(shop.upload, { method: "POST", body, credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" });
  const answer = await response.json();
  if (!response.ok) throw { code: answer.code || "unknown" };
  const off = Math.round((now() - Date.parse(answer.now)) / 60000);
  clockOff = Math.abs(off) >= 5 ? off : 0;
  return answer;
};

const register = async () => {
  const said = {
    at: instant(now()), community: shop.community, device: shop.device, made: shop.made,
    public: base64url(own.publicKey), secret: shop.secret, v: 1,
  };
  await posted(await line("TBK", said, own.secret));
  own.registered = true;
  await kept.keepKey(db, own);
  draw();
};

/** Register the key if that is still to be done, then send what waits. Silent while there is no network. */
const send = async () => {
  if (sending || !db || !own) return;
  sending = true;
  told = null;
  try {
    if (!own.registered) await register();
    const waiting = (await kept.all(db)).filter((one) => one.state === "waiting").slice(0, SEND_MOST);
    if (waiting.length) {
      const { answers } = await posted(waiting.map((one) => one.line).join("\n"));
      for (const answer of answers) {
        const sent = waiting.find((one) => one.n === answer.n && shop.device === answer.device);
        if (sent) await kept.put(db, { ...sent, state: answer.outcome, code: answer.code, entry: answer.entry });
      }
    }
  } catch (error) {
    if (error && error.code) told = { key: `code_${error.code}` in shop.words[language] ? `code_${error.code}` : "not_sent", values: error };
  } finally {
    sending = false;
    drawNotice();
    await drawKept();
  }
};

/** Read a QR out of a photo: smaller first, as a whole page of a modern phone is more than the code needs. */
const photographed = async (file) => {
  const picture = await createImageBitmap(file);
  for (const side of PHOTO_SIDES) {
    const scale = Math.min(1, side / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    try {
      return decodeQR(context.getImageData(0, 0, canvas.width, canvas.height));
    } catch {
      // no QR at this size
    }
  }
  return null;
};

const look = async (text) => show(db ? await judged(text) : { colour: "red", key: "no_storage" });

at("photo").addEventListener("change", async () => {
  const file = at("photo").files[0];
  at("photo").value = "";
  if (!file) return;
  const text = await photographed(file).catch(() => null);
  if (text === null) show({ colour: "amber", key: "no_qr" });
  else await look(text);
});
at("typed").addEventListener("submit", async (event) => {
  event.preventDefault();
  await look(at("text").value.trim());
});
at("bill-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const { token, offer } = current.verdict;
  const bill = offer.terms.kind === "item" ? 0 : fenOf(at("bill").value);
  current.done = bill === null ? { code: "bad_bill" } : benefit(offer.terms, token.points, bill);
  drawOff();
  if (!current.done.code) at("accept").focus();
});
at("bill").addEventListener("input", () => {
  current.done = null;
  drawOff();
});
at("accept").addEventListener("click", async () => {
  at("accept").disabled = true;
  try {
    await accept();
  } finally {
    at("accept").disabled = false;
  }
});
at("again").addEventListener("click", () => {
  current = null;
  at("text").value = at("bill").value = "";
  draw();
  at("photo").focus();
});
at("send").addEventListener("click", send);
at("copy").addEventListener("click", async () => {
  at("lines").select();
  try {
    await navigator.clipboard.writeText(at("lines").value);
  } catch {
    document.execCommand("copy"); // where a file may not use the clipboard by itself
  }
  at("copy").textContent = say("copied");
});
at("language").addEventListener("click", async () => {
  language = language === "zh" ? "en" : "zh";
  draw();
  await drawKept();
});

const begin = async () => {
  draw();
  try {
    db = await opened(`timebank ${shop.community} ${shop.device}`);
    own = (await kept.key(db)) || null;
    if (!own && shop.secret) {
      // Of two pages that are opened at once, the first one's key counts.
      await kept.addKey(db, { ...(await newKeys()), registered: false }).catch(() => null);
      own = await kept.key(db);
    }
    if (navigator.storage && navigator.storage.persist) navigator.storage.persist().catch(() => false);
  } catch {
    db = null;
  }
  draw();
  const hindrance = db ? await hindered() : { key: "no_storage" };
  if (hindrance && hindrance.key !== "unregistered") show({ colour: "red", ...hindrance });
  await drawKept();
  await send();
  window.addEventListener("online", send);
  setInterval(send, SEND_EVERY_MS);
};

begin();
