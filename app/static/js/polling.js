// Asks an address again and again: seldom while nobody looks, more seldom while nobody answers.
const LONGEST = 60000;

// ``heard`` gets each answer and says whether to go on; ``gone`` is called when there is nothing
// more to ask: whoever asked is signed out, or it is not there any more.
export function poll(address, { every = 1000, unseen = 8000, heard, gone }) {
  let failures = 0;
  let timer = null;

  function wait() {
    const pause = document.hidden ? unseen : every;
    timer = setTimeout(ask, Math.min(pause * 2 ** failures, LONGEST));
  }

  async function ask() {
    timer = null;
    const answer = await read(address());
    if (answer.told) {
      failures = 0;
      if (heard(answer.told)) wait();
    } else if (answer.isGone) {
      gone?.();
    } else {
      failures += 1;
      wait();
    }
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden || timer === null) return;
    clearTimeout(timer);
    ask();
  });
  wait();
}

async function read(address) {
  try {
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    if (answer.ok) return { told: await answer.json() };
    return { isGone: answer.status < 500 && answer.status !== 429 };
  } catch {
    return {}; // The server is away, or the way to it: it may come back.
  }
}
