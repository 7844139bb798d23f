// Light, dark, or as the system has it. The choice is kept in the browser.

const KEY = "picot-theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const LABELS = { auto: "as the system", light: "light", dark: "dark" };

export function startTheme(button, storage = window.localStorage) {
  let theme = read(storage);
  const show = () => {
    document.documentElement.dataset.theme = theme;
    button.dataset.theme = theme;
    button.setAttribute("aria-label", `Colours: ${LABELS[theme]}. Change to ${LABELS[NEXT[theme]]}.`);
    button.title = `Colours: ${LABELS[theme]}`;
  };
  button.addEventListener("click", () => {
    theme = NEXT[theme];
    try {
      storage.setItem(KEY, theme);
    } catch {
      // A browser that keeps nothing still changes the colours now.
    }
    show();
  });
  show();
}

function read(storage) {
  try {
    const kept = storage.getItem(KEY);
    return kept in NEXT ? kept : "auto";
  } catch {
    return "auto";
  }
}
