// Polls a URL: less often while the page is hidden, and with backoff while the server fails.
const MAX_DELAY = 60000; // Milliseconds, as are the intervals below.

// ``onData`` gets each JSON response and returns whether to go on; ``onGone`` is called, and polling
// ends, on a client error: the user is logged out, or the resource no longer exists.
export function poll(getUrl, { interval = 1000, hiddenInterval = 8000, onData, onGone }) {
  let failures = 0;
  let timer = null;

  function schedule() {
    const delay = document.hidden ? hiddenInterval : interval;
    timer = setTimeout(request, Math.min(delay * 2 ** failures, MAX_DELAY));
  }

  async function request() {
    timer = null;
    const result = await fetchJson(getUrl());
    if (result.data) {
      failures = 0;
      if (onData(result.data)) schedule();
    } else if (result.isGone) {
      onGone?.();
    } else {
      failures += 1;
      schedule();
    }
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden || timer === null) return;
    clearTimeout(timer);
    request();
  });
  schedule();
}

async function fetchJson(url) {
  try {
    const response = await fetch(url, { headers: { Accept: "application/json" } });
    if (response.ok) return { data: await response.json() };
    return { isGone: response.status < 500 && response.status !== 429 };
  } catch {
    return {}; // No connection to the server: it may come back.
  }
}
