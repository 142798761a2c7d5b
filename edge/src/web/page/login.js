import { loadTexts, t } from "/text.js";

await loadTexts();
const form = document.getElementById("login");
const token = document.getElementById("token");
const refused = document.getElementById("refused");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  refused.textContent = "";
  try {
    const answer = await fetch("/login", { method: "POST", body: token.value.trim() });
    if (answer.ok) {
      location.replace("/");
      return;
    }
    refused.textContent = t(answer.status === 429 ? "login_wait" : "login_wrong");
  } catch {
    refused.textContent = t("offline");
  }
  token.select();
});
