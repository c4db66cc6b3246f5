// A game shows what the server has decided. Without this file the form does the same in one step.
(() => {
  const form = document.querySelector("[data-play]");
  if (!form || !window.fetch) return;
  const stage = form.closest(".stage");
  const skip = form.querySelector("[data-skip]");
  const problem = document.querySelector("[data-problem]");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const nonce = form.elements.nonce;
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  nonce.value = Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  const shows = {
    async wheel(result) {
      const wheel = stage.querySelector("[data-wheel]");
      if (!wheel) return;
      wheel.style.transition = "transform 4s cubic-bezier(.12,.7,.1,1)";
      wheel.style.transform = `rotate(${result.turn}deg)`;
      await pause(4300);
    },
    async slot(result) {
      const signs = ["★", "●", "▲", "■", "♥", "♣"];
      const reels = [...stage.querySelectorAll("[data-reel]")];
      const end = result.won ? ["★", "★", "★"] : ["★", "●", "▲"];
      for (let tick = 0; tick < 24; tick += 1) {
        reels.forEach((reel, place) => {
          const still = tick >= 10 + 5 * place;
          reel.textContent = still ? end[place] : signs[(tick * (place + 2) + place) % signs.length];
        });
        await pause(110);
      }
      await pause(500);
    },
    async scratch(result) {
      const cover = stage.querySelector("[data-cover]");
      if (!cover) return;
      stage.querySelector("[data-scratched]").textContent = result.label;
      skip.hidden = false;
      await new Promise((done) => {
        let rubbed = 0;
        const brush = cover.getContext("2d");
        brush.globalCompositeOperation = "destination-out";
        cover.addEventListener("pointermove", (event) => {
          if (event.pointerType === "mouse" && !event.buttons) return;
          const box = cover.getBoundingClientRect();
          const x = ((event.clientX - box.left) * cover.width) / box.width;
          const y = ((event.clientY - box.top) * cover.height) / box.height;
          brush.beginPath();
          brush.arc(x, y, 26, 0, 7);
          brush.fill();
          rubbed += 1;
          if (rubbed > 45) done();
        });
        skip.addEventListener("click", done);
      });
      await pause(700);
    },
  };

  const cover = stage.querySelector("[data-cover]");
  if (cover) {
    const brush = cover.getContext("2d");
    brush.fillStyle = "#8a9892";
    brush.fillRect(0, 0, cover.width, cover.height);
    brush.fillStyle = "#ffffff";
    brush.font = "600 24px system-ui, sans-serif";
    brush.textAlign = "center";
    brush.fillText(cover.dataset.word, cover.width / 2, cover.height / 2 + 8);
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector(".primary");
    button.disabled = true;
    problem.hidden = true;
    try {
      const answer = await fetch(form.action || location.href, {
        method: "POST", body: new FormData(form), headers: { Accept: "application/json" },
      });
      const result = await answer.json();
      if (!answer.ok) throw new Error(result.problem);
      const show = shows[stage.dataset.form];
      if (show && !calm) await show(result);
      location.assign(result.url);
    } catch (error) {
      problem.textContent = error.name === "Error" && error.message ? error.message : problem.dataset.offline;
      problem.hidden = false;
      button.disabled = false;
    }
  });
})();
