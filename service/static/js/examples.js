// The drawn pictures that can be tried when none is at hand.

/** Call `take(files)` with a drawn picture when its button in `section` is pressed. */
export function watchExamples(section, take) {
  for (const button of section.querySelectorAll("button")) {
    button.addEventListener("click", async () => {
      const answer = await fetch(button.querySelector("img").src);
      take([new File([await answer.blob()], button.dataset.name, { type: "image/jpeg" })]);
    });
  }
}
