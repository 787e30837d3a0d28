// Reads a JSON array of Kubernetes objects on stdin; writes a line for each that its kind's schema refuses, and
// then ends with 1.
// Usage: node validate.mjs NODE_MODULES
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const PACKAGES = {
  "keda.sh": "keda",
  "serving.knative.dev": "knative",
  "eventing.knative.dev": "knative",
  "gateway.networking.k8s.io": "gateway-api",
  "monitoring.coreos.com": "prometheus-operator",
};
const modules = resolve(process.argv[2], "@kubernetes-models");

for (const object of JSON.parse(readFileSync(0, "utf8"))) {
  const group = object.apiVersion.split("/")[0];
  const file = resolve(modules, PACKAGES[group], object.apiVersion, `${object.kind}.js`);
  const { [object.kind]: Model } = await import(pathToFileURL(file).href);
  try {
    new Model(object).validate();
  } catch (error) {
    process.exitCode = 1;
    console.log(`${object.kind} ${object.metadata.name}: ${error.message}`);
  }
}
