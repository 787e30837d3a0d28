// Run by mongosh as the administrator: starts the replica set, makes the service's own user, and refuses a database
// whose answers come from elsewhere. Repeating it is harmless.
const { MONGO_ROOT_USER, MONGO_ROOT_PASS, MONGO_USER, MONGO_PASS, MONGO_NAME, MONGO_AUTH, MONGO_RS, MONGO_MEMBER } =
  process.env;
const { CLIENT_NALOG_URL } = process.env;
const NOT_YET_INITIALIZED = 94;

db.getSiblingDB("admin").auth(MONGO_ROOT_USER, MONGO_ROOT_PASS);

try {
  rs.status();
} catch (error) {
  if (error.code !== NOT_YET_INITIALIZED) throw error;
  rs.initiate({ _id: MONGO_RS, members: [{ _id: 0, host: MONGO_MEMBER }] });
}
while (!db.hello().isWritablePrimary) sleep(200);

const users = db.getSiblingDB(MONGO_AUTH);
const user = { pwd: MONGO_PASS, roles: [{ role: "readWrite", db: MONGO_NAME }] };
if (users.getUser(MONGO_USER)) users.updateUser(MONGO_USER, user);
else users.createUser({ user: MONGO_USER, ...user });

// Invented answers and real ones never meet: a database is marked at its first use, for good.
const emulated = new URL(CLIENT_NALOG_URL).hostname === "emulator";
const origin = db.getSiblingDB(MONGO_NAME).origin;
origin.updateOne({ _id: "tax_service" }, { $setOnInsert: { emulated } }, { upsert: true });
if (origin.findOne({ _id: "tax_service" }).emulated !== emulated) {
  print(
    `The database ${MONGO_NAME} holds answers of the ${emulated ? "real" : "emulated"} tax service, and CLIENT_NALOG_URL ` +
      `names the ${emulated ? "emulated" : "real"} one. Set another MONGO_NAME, or begin anew, without all that is kept: ` +
      "docker compose --profile emulator down --volumes",
  );
  quit(1);
}
