// Deploys an image to Koyeb: updates the service, waits until the new deployment is healthy, checks that the server is
// healthy and runs the image's commit, and rolls back to the previous deployment if any step fails. The image is named by its
// digest, so that exactly what was attested is what runs.
//
//   KOYEB_API_TOKEN  KOYEB_SERVICE_ID  MCPIST_URL  IMAGE  COMMIT  node deploy.mjs
//
// Exit codes: 0 deployed; 1 not deployed, and the previous version serves (verified); 2 wrong usage; 3 not deployed, and another or
// an unknown version serves: a person must check.
//
// Koyeb's API (its description is in the PyPI package koyeb-sdk) has no rollback call, so the script deploys the previous
// definition of the service again. A deployment gets the traffic when it is healthy; until then the previous one serves.
import { environment, main, number, RequestError, Stop } from "./http.mjs";
import { Koyeb, withImage } from "./koyeb.mjs";
import { Server } from "./server.mjs";

await main(async () => {
  const [token, service, url, image, commit] = environment(
    "KOYEB_API_TOKEN",
    "KOYEB_SERVICE_ID",
    "MCPIST_URL",
    "IMAGE",
    "COMMIT",
  );
  if (!/^[^@\s]+@sha256:[0-9a-f]{64}$/.test(image))
    throw new Stop(2, "IMAGE is an image with its digest: name@sha256:…");
  if (!/^[0-9a-f]{40}$/.test(commit)) throw new Stop(2, "COMMIT is the full hash of a commit");
  const every = number("POLL_SECONDS", 10) * 1000;
  const koyeb = new Koyeb(process.env.KOYEB_API_URL ?? "https://app.koyeb.com", token, service, {
    every,
    within: number("DEPLOY_MINUTES", 30) * 60_000,
  });
  const server = new Server(url, { every, within: number("SMOKE_SECONDS", 180) * 1000 });

  const { previous, definition } = await find(koyeb, server);
  console.log(
    previous
      ? `Serving now: ${previous.commit} (deployment ${previous.deployment}).`
      : "Nothing serves yet: this is the first deployment.",
  );
  const deployment = await koyeb.deploy(withImage(definition, image)).catch((error) => {
    throw new Stop(1, `Koyeb did not start a deployment, so nothing has changed. ${error.message}`);
  });
  console.log(`Deployment ${deployment} of ${image} (${commit}) started.`);
  try {
    await koyeb.healthy(deployment);
    console.log("It is healthy.");
    await server.serves(commit);
    console.log(`${url} is healthy and shows this commit. Deployed.`);
  } catch (error) {
    if (!(error instanceof Stop || error instanceof RequestError)) throw error;
    console.log(`Failed: ${error.message}`);
    await rollBack({ koyeb, server, deployment, previous, reason: error.message });
  }
});

/** The deployment that serves now with the commit that the server shows, and the definition of the service. */
async function find(koyeb, server) {
  const { active_deployment_id: active, latest_deployment_id: latest } = await koyeb.service();
  const { definition } = await koyeb.deployment(active ?? latest);
  if (!active) return { definition };
  const commit = await server.commit().catch(() => undefined);
  return { previous: { deployment: active, commit, definition }, definition };
}

async function rollBack({ koyeb, server, deployment, previous, reason }) {
  const act = `Check the service in Koyeb's control panel (docs/operations.md, "Rollback").`;
  if (!previous) throw new Stop(3, `${reason}. There is no previous version. ${act}`);
  if (!previous.commit)
    throw new Stop(
      3,
      `${reason}. The commit of the previous deployment ${previous.deployment} is unknown. ${act}`,
    );
  try {
    const now = await koyeb.service();
    if (
      now.latest_deployment_id &&
      ![deployment, previous.deployment].includes(now.latest_deployment_id)
    ) {
      throw new Stop(
        3,
        `Another deployment (${now.latest_deployment_id}) started meanwhile, so nothing was rolled back`,
      );
    }
    if (now.active_deployment_id === previous.deployment) {
      // It must not take over later. Cancelling fails if the deployment has already failed, which is fine.
      await koyeb
        .cancel(deployment)
        .catch((error) => console.log(`Not cancelled: ${error.message}`));
      console.log(`Deployment ${previous.deployment} never stopped serving.`);
    } else {
      const back = await koyeb.deploy(previous.definition);
      console.log(`Rolling back: deployment ${back} of ${previous.commit} started.`);
      await koyeb.healthy(back);
    }
    await server.serves(previous.commit);
  } catch (error) {
    if (!(error instanceof Stop || error instanceof RequestError)) throw error;
    throw new Stop(3, `${reason}. ROLLBACK FAILED: ${error.message}. ${act}`);
  }
  throw new Stop(
    1,
    `${reason}. Rolled back: ${previous.commit} serves, as /health and /api/version show.`,
  );
}
