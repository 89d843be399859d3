// What the phone keeps: its key, and every acceptance by its running number. IndexedDB, so that two open pages never give one
// number twice and never take one voucher twice.

const KEY = "key", TAKEN = "taken";

const opened = (name) =>
  new Promise((resolve, reject) => {
    const asked = indexedDB.open(name, 1);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore(KEY);
      asked.result.createObjectStore(TAKEN, { keyPath: "n" }).createIndex("voucher", "voucher", { unique: true });
    };
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
    asked.onblocked = () => reject(new Error("blocked"));
  });

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** A change that is on the disk when its promise is kept. */
const changed = (db, store, work) =>
  new Promise((resolve, reject) => {
    const change = db.transaction(store, "readwrite", { durability: "strict" });
    change.oncomplete = () => resolve();
    change.onabort = () => reject(change.error);
    work(change.objectStore(store));
  });

const kept = {
  key: (db) => done(db.transaction(KEY).objectStore(KEY).get(1)),
  all: (db) => done(db.transaction(TAKEN).objectStore(TAKEN).getAll()),
  of: (db, voucher) => done(db.transaction(TAKEN).objectStore(TAKEN).index("voucher").get(voucher)),
  last: async (db) => {
    const numbers = await done(db.transaction(TAKEN).objectStore(TAKEN).getAllKeys());
    return numbers.length ? numbers[numbers.length - 1] : 0;
  },
  addKey: (db, key) => changed(db, KEY, (store) => store.add(key, 1)),
  keepKey: (db, key) => changed(db, KEY, (store) => store.put(key, 1)),
  add: (db, item) => changed(db, TAKEN, (store) => store.add(item)),
  put: (db, item) => changed(db, TAKEN, (store) => store.put(item)),
};
