// A list of questions, each of which is asked by a click.
export default function ({ parentElement, data }) {
  const list = parentElement.querySelector(".questions");
  list.replaceChildren(...(data?.questions ?? []).map((question) => {
    const item = document.createElement("li");
    item.append(askButton(question));
    return item;
  }));
}
