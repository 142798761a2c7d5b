import { loadTexts, t } from "/text.js";

await loadTexts();
// Only these two: nobody is led elsewhere.
const next = new URLSearchParams(location.search).get("next") === "kiosk" ? "/kiosk" : "/";
const form = document.getElementById("login");
const token = document.getElementById("token");
const refused = document.getElementById("refused");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  refused.textContent = "";
  try {
    const answer = await fetch("/login", { method: "POST", body: token.value.trim(), signal: AbortSignal.timeout(10000) });
    if (answer.ok) {
      location.replace(next);
      return;
    }
    refused.textContent = t(answer.status === 429 ? "login_wait" : "login_wrong");
  } catch {
    refused.textContent = t("offline");
  }
  token.select();
});
