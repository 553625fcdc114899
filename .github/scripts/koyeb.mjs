// A service at Koyeb, by its REST API (the PyPI package koyeb-sdk describes it).
import { poll, request, Stop } from "./http.mjs";

/** Includes DEGRADED, as in Koyeb's own command line: a single instance cannot be partly healthy. */
const FAILED = new Set([
  "CANCELING",
  "CANCELED",
  "DEGRADED",
  "UNHEALTHY",
  "STOPPING",
  "STOPPED",
  "ERRORING",
  "ERROR",
]);
/** A service that sleeps because it is idle was healthy before. */
const HEALTHY = new Set(["HEALTHY", "SLEEPING"]);
/** Consecutive API failures that are tolerated while waiting. */
const PATIENCE = 5;

/** A definition with this image in place of its own, or of the repository that Koyeb would build. */
export function withImage({ git, archive, ...definition }, image) {
  return { ...definition, docker: { ...definition.docker, image } };
}

/** The service. `waiting` is the polling interval and limit in milliseconds: {every, within}. */
export class Koyeb {
  constructor(origin, token, id, waiting) {
    Object.assign(this, { origin, token, id, waiting });
  }

  #call(method, path, body) {
    return request(method, `${this.origin}${path}`, { token: this.token, body });
  }

  async service() {
    return (await this.#call("GET", `/v1/services/${this.id}`)).service;
  }

  async deployment(id) {
    return (await this.#call("GET", `/v1/deployments/${id}`)).deployment;
  }

  /** Deploys the service with this definition; returns the id of the deployment. */
  async deploy(definition) {
    return (await this.#call("PUT", `/v1/services/${this.id}`, { definition })).service
      .latest_deployment_id;
  }

  async cancel(id) {
    await this.#call("POST", `/v1/deployments/${id}/cancel`);
  }

  /** Waits until a deployment is healthy; throws with the reason if it fails. */
  async healthy(id) {
    let said,
      failures = 0;
    const healthy = await poll(this.waiting.within, this.waiting.every, async () => {
      let deployment;
      try {
        deployment = await this.deployment(id);
        failures = 0;
      } catch (error) {
        failures += 1;
        console.log(`Koyeb's API: ${error.message}`);
        if (
          failures === PATIENCE ||
          (error.status >= 400 && error.status < 500 && error.status !== 429)
        ) {
          throw new Stop(
            1,
            `Koyeb's API stopped answering while deployment ${id} was under way (${error.message})`,
          );
        }
        return undefined;
      }
      const { status, messages = [] } = deployment;
      if (status !== said) console.log(`Deployment ${id}: ${status}`);
      said = status;
      if (status === "STASHED")
        throw new Stop(1, `Deployment ${id} was put aside and not deployed`);
      if (FAILED.has(status))
        throw new Stop(
          1,
          `Deployment ${id} is ${status}${messages.length ? `: ${messages.join("; ")}` : ""}`,
        );
      return HEALTHY.has(status) ? true : undefined;
    });
    if (!healthy)
      throw new Stop(
        1,
        `Deployment ${id} is not healthy after ${this.waiting.within / 60_000} minutes: ${said}`,
      );
  }
}
