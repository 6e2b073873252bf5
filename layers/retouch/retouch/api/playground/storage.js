// What the page stores in this browser: the results of this tab, and a submission that has no response yet.

const DATABASE = 'retouch-playground';
const SUBMISSIONS = 'presses'; // the name in the browsers that have this database
const MAX_ENTRIES = 50;
const MAX_BYTES = 200_000_000;

let opened = null;

function openDatabase() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('results', { keyPath: 'id', autoIncrement: true });
      request.result.createObjectStore(SUBMISSIONS, { keyPath: 'id' });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function runTransaction(store, mode, work) {
  const database = await openDatabase();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(store, mode);
    const request = work(transaction.objectStore(store));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

// Save a result: {blob, prompt, model, time}. The oldest ones go when there are too many or too large ones.
export async function saveResult(result) {
  await runTransaction('results', 'readwrite', (store) => store.add(result));
  const all = await listResults();
  let bytes = 0;
  for (const [index, entry] of all.entries()) {
    bytes += entry.blob.size;
    if (index >= MAX_ENTRIES || bytes > MAX_BYTES) await runTransaction('results', 'readwrite', (store) => store.delete(entry.id));
  }
}

// The newest result first.
export async function listResults() {
  return (await runTransaction('results', 'readonly', (store) => store.getAll())).reverse();
}

export function deleteResults() {
  return runTransaction('results', 'readwrite', (store) => store.clear());
}

// A submission is stored before it is sent, and deleted when its outcome is definite. So a reload can find its edit. It
// contains no key.
export function saveSubmission(submission) {
  return runTransaction(SUBMISSIONS, 'readwrite', (store) => store.put(submission));
}

export function deleteSubmission(id) {
  return runTransaction(SUBMISSIONS, 'readwrite', (store) => store.delete(id));
}

export async function findLastSubmission() {
  const submissions = await runTransaction(SUBMISSIONS, 'readonly', (store) => store.getAll());
  return submissions.sort((one, other) => one.time - other.time).at(-1) ?? null;
}
