// A person with invented names and random numbers, who is not in the cache yet.

const LAST = ["Ветров", "Озеров", "Лугов", "Рощин", "Снегирёв", "Полянский", "Берёзин", "Камышов"];
const HIS = [["Артём", "Лев", "Тимур", "Олег", "Глеб", "Матвей"], ["Ильич", "Олегович", "Андреевич", "Львович"]];
const HER = [["Вера", "Алиса", "Дарья", "Юлия", "Майя", "Софья"], ["Ильинична", "Олеговна", "Андреевна", "Львовна"]];
const WITHOUT_ENDING = 97;
// Numbers that end with 98 or 99 stand for people without an answer (the emulator's register).

export function randomPerson() {
  const she = below(2) === 1;
  const [firsts, middles] = she ? HER : HIS;
  const last = one(LAST);
  return {
    lastName: she ? (last.endsWith("ий") ? `${last.slice(0, -2)}ая` : `${last}а`) : last,
    firstName: one(firsts),
    middleName: one(middles),
    birthDate: `${1950 + below(50)}-${two(1 + below(12))}-${two(1 + below(28))}`,
    documentType: "21",
    documentSerial: `${two(1 + below(90))}${two(5 + below(20))}`,
    documentNumber: `${String(1000 + below(9000))}${two(below(WITHOUT_ENDING))}`,
  };
}

const one = (list) => list[below(list.length)];
const two = (number) => String(number).padStart(2, "0");
const below = (limit) => crypto.getRandomValues(new Uint32Array(1))[0] % limit;
