// The secret of a link stands behind the #, which no browser sends: it is put into the
// form's field, and taken out of the address and its history.
const field = document.querySelector("#welcome input[name=link]");
const secret = location.hash.slice(1);
if (field && secret) {
  field.value = secret;
  history.replaceState(null, "", location.pathname);
}
