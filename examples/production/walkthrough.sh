#!/usr/bin/env bash
# From files to scheduled production and back: ./walkthrough.sh argo|step-functions
#
# It needs a cluster (kubeconfig) or an account (AWS_*), the namespace or region of stack.yaml, and a
# bucket for the state store. STACK_FILE names another stack file than the one beside this script.
set -euo pipefail

target=${1:?argo or step-functions}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$(dirname "$0")"/{flow.yaml,flowc.yaml} "$work"
cp "${STACK_FILE:-$(dirname "$0")/stack.yaml}" "$work/stack.yaml"
cd "$work"
export FLOWC_BRANCH=${FLOWC_BRANCH:-walkthrough}

there() { flowc "$@" --env "$target"; }
say() { printf '\n== %s\n' "$*"; }
fail() { echo "walkthrough: $*" >&2; exit 1; }
field() { python3 -c "import json,sys; d=json.load(sys.stdin); print($1)"; }
started() { python3 -c 'import json,sys; print(json.loads(sys.stdin.readline())["name"])'; }
state_of() { there status "$1" --format json | field 'd["state"]'; }
until_ended() {
  for _ in $(seq 300); do
    state=$(state_of "$1")
    case $state in pending | running) sleep 2 ;; *) echo "$state"; return ;; esac
  done
  fail "run $1 did not end"
}

say "what a deploy would do: everything is new"
there plan && fail "plan says that there is nothing to do" || [ $? = 3 ]

say "deploy"
there deploy --yes
there plan || fail "there is a difference right after the deploy"
there deploy --yes | grep "nothing was written"

say "a run"
there trigger report --input '{"day": "2027-03-01"}' --tag walkthrough --wait >result.json
cat result.json
[ "$(field 'd["total"]' <result.json)" = 42 ] || fail "not 42"
run=$(there runs --tag walkthrough --format json | field 'd[0]["name"]')
there status "$run"
there logs "$run" collect
there show "$run" collect --input
there show "$run" add --output

say "a slow run begins, and meanwhile a retry changes"
slow=$(there trigger report --input '{"day": "2027-03-02", "seconds": '"${SLOW_SECONDS:-20}"'}' --format json | started)
# An engine may know only how the plan's digest begins; the store, which the first unit writes, all.
for _ in $(seq 150); do
  before=$(there status "$slow" --format json | field 'd["plan"]')
  [ -n "$before" ] && break
  sleep 1
done
there status "$slow"
[ "$(state_of "$slow")" = running ] || fail "the slow run is over too soon"
sed -i.old 's/platform: {max: 2/platform: {max: 4/' flow.yaml
there plan --format json >plan.json && fail "the change is not seen" || [ $? = 3 ]
there plan || true
field '[(c["path"], c["before"], c["after"]) for c in d[0]["flow"]]' <plan.json >changed
[ "$(cat changed)" = "[('steps.collect.call.retry.platform.max', 2, 4)]" ] || fail "more changed: $(cat changed)"
there deploy --yes
[ "$(until_ended "$slow")" = succeeded ] || fail "the run that was under way did not succeed"
after=$(there status "$slow" --format json | field 'd["plan"]')
[ "${after#"$before"}" != "$after" ] || fail "the run that was under way changed its plan"

say "the schedule fires"
SCHEDULE="* * * * *" there deploy --yes
for _ in $(seq 100); do
  due=$(there runs --format json | field 'next((r["name"] for r in d if r["scheduled"]), "")')
  [ -n "$due" ] && break
  sleep 2
done
[ -n "$due" ] || fail "no scheduled run in 200 s"
there suspend report
[ "$(until_ended "$due")" = succeeded ] || fail "the scheduled run did not succeed"
there show "$due" --input
there runs

say "what was deployed"
there releases

say "undeploy leaves the records of runs"
for one in $(there runs --status running --status pending --format json | field '" ".join(r["name"] for r in d)'); do
  until_ended "$one"
done
there undeploy --yes
there show "$run" --output
there undeploy --yes --purge
[ "$(there runs --format json)" = "[]" ] || fail "runs are left after the purge"
[ "$(there releases --format json)" = "[]" ] || fail "releases are left after the purge"

say "done"
