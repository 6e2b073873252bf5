// What the page remembers in this browser: the results of this tab, and a press that has no answer yet.

const DATABASE = 'retouch-playground';
const MAX_ENTRIES = 50;
const MAX_BYTES = 200_000_000;

let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('results', { keyPath: 'id', autoIncrement: true });
      request.result.createObjectStore('presses', { keyPath: 'id' });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function run(store, mode, work) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(store, mode);
    const request = work(transaction.objectStore(store));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

// Save a result: {blob, prompt, model, time}. The oldest ones go when there are too many or too large ones.
export async function saveResult(result) {
  await run('results', 'readwrite', (store) => store.add(result));
  const all = await listResults();
  let bytes = 0;
  for (const [index, entry] of all.entries()) {
    bytes += entry.blob.size;
    if (index >= MAX_ENTRIES || bytes > MAX_BYTES) await run('results', 'readwrite', (store) => store.delete(entry.id));
  }
}

// The newest result first.
export async function listResults() {
  return (await run('results', 'readonly', (store) => store.getAll())).reverse();
}

export function deleteResults() {
  return run('results', 'readwrite', (store) => store.clear());
}

// A press is kept from before it is sent until its definite end, so that a reload can find its edit. It has no key.
export function savePress(press) {
  return run('presses', 'readwrite', (store) => store.put(press));
}

export function deletePress(id) {
  return run('presses', 'readwrite', (store) => store.delete(id));
}

export async function lastPress() {
  const presses = await run('presses', 'readonly', (store) => store.getAll());
  return presses.sort((one, other) => one.time - other.time).at(-1) ?? null;
}
