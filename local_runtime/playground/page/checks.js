// The page's own look at the form, in the words of the service, which has the last one.

const NAME = /^[а-яё IV\-'.,()]*$/i;
const OTHER_CYRILLIC = /[\u0400-\u040F\u0450\u0452-\u052F]/;
const FREE = /^[0-9a-zа-яё \-/.№]*$/i;
const SIGN = /[0-9a-zа-яё]/i;
const ROMAN_SERIAL = /^(?=[CLXVI])C{0,3}(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})[А-ЯЁ]{2}$/;
// What a Russian keyboard gives for roman numerals.
const TO_ROMAN = { Х: "X", С: "C", І: "I", У: "V", Л: "L", 1: "I" };
const DASHES = /[\u2010-\u2015\u2212]/g;
const SEPARATORS = /[\s\-\u2010-\u2015\u2212№]+/g;
const LOOK_ALIKE = /[ABCEHKMOPTXYaceopxyk]/;
const ISO_DATE = /^\d{4}-\d{2}-\d{2}$/;
const FIRST_BIRTH_DATE = "1910-01-01";
const PASSPORT = "21";
const ROMAN = ["01", "03"];

/** What kind of series and number a type of document has. */
export function kindOf(type) {
  if (type === PASSPORT) return "21";
  return ROMAN.includes(type) ? "Roman" : "Free";
}

export function today() {
  const now = new Date();
  return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
}

function name(text, required) {
  if (!text.trim()) return required ? "is required" : "";
  if (text.length > 150) return "must have at most 150 characters";
  if (/[a-z]/i.test(text.replace(/[IV]/g, ""))) {
    return /[а-яё]/i.test(text) && LOOK_ALIKE.test(text)
      ? "has Latin letters that look like Cyrillic ones: type them in Cyrillic"
      : "has Latin letters: write the name in Cyrillic, as in the document";
  }
  if (OTHER_CYRILLIC.test(text.replace(/ё/gi, ""))) {
    return "has Cyrillic letters that are not Russian: write the name as in the Russian document";
  }
  if (!NAME.test(text)) return "may have Cyrillic letters, Latin I and V, spaces and -'.,() only";
  return /[а-яё]/i.test(text) ? "" : "must have at least one Cyrillic letter";
}

function birthDate(text) {
  if (!text) return "is required";
  if (!ISO_DATE.test(text)) return "must be an ISO date, YYYY-MM-DD";
  if (text < FIRST_BIRTH_DATE) return "must not be before 1910-01-01";
  return text > today() ? "must not be in the future" : "";
}

function serial(text, fields) {
  const kind = kindOf(fields.documentType);
  if (!text.trim()) return kind === "Free" ? "" : "is required";
  if (kind === "21" && !/^\d{3,4}$/.test(text.replace(SEPARATORS, ""))) return "must be the passport's series: 4 digits";
  if (kind === "Roman" && !ROMAN_SERIAL.test(roman(text))) {
    return "must be a roman numeral and two Cyrillic letters, as in IV-МЮ";
  }
  return kind === "Free" ? free(text) : "";
}

/** A series without separators, its numeral, all but two letters, in Latin letters. */
function roman(text) {
  const signs = text.toUpperCase().replace(SEPARATORS, "");
  return signs.slice(0, -2).replace(/./g, (sign) => TO_ROMAN[sign] ?? sign) + signs.slice(-2);
}

/** With plain dashes and large letters. */
function plain(text) {
  return text.replace(DASHES, "-").toUpperCase().trim();
}

function number(text, fields) {
  if (!text.trim()) return "is required";
  if (kindOf(fields.documentType) === "Free") return free(text) || (SIGN.test(text) ? "" : "must have a letter or a digit");
  return /^\d{1,6}$/.test(text.replace(SEPARATORS, "")) ? "" : "must be the document's number: 6 digits";
}

function free(text) {
  if (text.trim().length > 25) return "must have at most 25 characters";
  return FREE.test(plain(text)) ? "" : "may have letters, digits, spaces, dashes, dots and slashes only";
}

const CHECKS = {
  lastName: (text) => name(text, true),
  firstName: (text) => name(text, true),
  middleName: (text) => name(text.replace(DASHES, "-").replace(/^[-\s]*$/, ""), false),
  birthDate,
  birthPlace: (text) => (text.length > 250 ? "must have at most 250 characters" : ""),
  documentType: () => "",
  documentSerial: serial,
  documentNumber: number,
  documentDate: () => "",
  requestId: (text) => (text ? (text.length > 128 ? "must have at most 128 characters" : "") : "must not be empty"),
};

/** What is wrong with one field, "" where nothing is. */
export function faultOf(field, fields) {
  return CHECKS[field](fields[field], fields);
}

/** The wrong fields with their faults. */
export function faultsOf(fields) {
  const faults = Object.keys(CHECKS).map((field) => [field, faultOf(field, fields)]);
  return new Map(faults.filter(([, fault]) => fault));
}
