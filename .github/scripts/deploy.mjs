// Deploys a commit to Koyeb: redeploys the service, waits until the new deployment is healthy, asks the server itself
// whether it is well and of this commit, and goes back to the former commit if anything of that fails.
//
//   KOYEB_API_TOKEN  KOYEB_SERVICE_ID  MCPIST_URL  COMMIT  node deploy.mjs
//
// Exit codes: 0 deployed; 1 not deployed, and the former version serves (which was seen); 2 wrong usage; 3 not deployed, and
// what serves now is not what served before, or not known: a person has to look.
//
// Koyeb's API (its description is in the PyPI package koyeb-sdk) has no call that rolls back: redeploying the former commit is
// the way. A deployment takes the traffic over once it is healthy; until then the former one serves.
import { environment, main, number, RequestError, Stop } from "./http.mjs";
import { Koyeb } from "./koyeb.mjs";
import { Server } from "./server.mjs";

await main(async () => {
  const [token, service, url, commit] = environment(
    "KOYEB_API_TOKEN",
    "KOYEB_SERVICE_ID",
    "MCPIST_URL",
    "COMMIT",
  );
  if (!/^[0-9a-f]{40}$/.test(commit)) throw new Stop(2, "COMMIT is the full hash of a commit");
  const every = number("POLL_SECONDS", 10) * 1000;
  const koyeb = new Koyeb(process.env.KOYEB_API_URL ?? "https://app.koyeb.com", token, service, {
    every,
    within: number("DEPLOY_MINUTES", 30) * 60_000,
  });
  const server = new Server(url, { every, within: number("SMOKE_SECONDS", 180) * 1000 });

  const former = await find(koyeb, server);
  console.log(
    former
      ? `Serving now: ${former.commit} (deployment ${former.deployment}).`
      : "Nothing serves now: this is the first deployment.",
  );
  const deployment = await koyeb.redeploy(commit).catch((error) => {
    throw new Stop(1, `Koyeb did not begin a deployment, so nothing has changed. ${error.message}`);
  });
  console.log(`Deployment ${deployment} of ${commit} began.`);
  try {
    await koyeb.healthy(deployment);
    console.log("It is healthy.");
    await server.serves(commit);
    console.log(`${url} is well and shows this commit. Deployed.`);
  } catch (error) {
    if (!(error instanceof Stop || error instanceof RequestError)) throw error;
    console.log(`Failed: ${error.message}`);
    await goBack({ koyeb, server, deployment, former, reason: error.message });
  }
});

/** What serves before the deployment. Koyeb knows the commit that it built; where it does not, the server may. */
async function find(koyeb, server) {
  const active = (await koyeb.service()).active_deployment_id;
  if (!active) return undefined;
  const { provisioning_info } = await koyeb.deployment(active);
  return {
    deployment: active,
    commit: provisioning_info?.sha ?? (await server.commit().catch(() => undefined)),
  };
}

async function goBack({ koyeb, server, deployment, former, reason }) {
  const act = `Look at the service in Koyeb's control panel (docs/operations.md, "Rollback").`;
  if (!former) throw new Stop(3, `${reason}. There is nothing to go back to. ${act}`);
  if (!former.commit)
    throw new Stop(
      3,
      `${reason}. The former deployment ${former.deployment} does not say its commit. ${act}`,
    );
  try {
    const now = await koyeb.service();
    if (
      now.latest_deployment_id &&
      ![deployment, former.deployment].includes(now.latest_deployment_id)
    ) {
      throw new Stop(
        3,
        `Another deployment (${now.latest_deployment_id}) began meanwhile, so nothing was rolled back`,
      );
    }
    if (now.active_deployment_id === former.deployment) {
      // It must not take over later. One that has already failed cannot be cancelled, which is as good.
      await koyeb
        .cancel(deployment)
        .catch((error) => console.log(`Not cancelled: ${error.message}`));
      console.log(`Deployment ${former.deployment} never stopped serving.`);
    } else {
      const back = await koyeb.redeploy(former.commit);
      console.log(`Rolling back: deployment ${back} of ${former.commit} began.`);
      await koyeb.healthy(back);
    }
    await server.serves(former.commit);
  } catch (error) {
    if (!(error instanceof Stop || error instanceof RequestError)) throw error;
    throw new Stop(3, `${reason}. ROLLBACK FAILED: ${error.message}. ${act}`);
  }
  throw new Stop(
    1,
    `${reason}. Rolled back: ${former.commit} serves, as /health and /api/version show.`,
  );
}
