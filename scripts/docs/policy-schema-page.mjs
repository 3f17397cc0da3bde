/** docs/policy.schema.json: what `POLICY_FILE` may hold, for editors. */
export async function policySchemaPage(load) {
  const { policySchema } = await load('config/policy-file.js');
  return `${JSON.stringify({ title: 'POLICY_FILE of sds-node-agent', ...policySchema() }, null, 2)}\n`;
}
