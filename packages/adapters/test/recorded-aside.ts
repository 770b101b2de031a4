// Every recorded file that no case plays, and why.

/** Carried by the stubs, since somebody may ask; Spark never does. */
export const NEVER_ASKED: Record<string, string> = {
  flow_components: 'exists in no version; components are read from the graph',
  frontend_flow_components: 'the same',
  flows_list_no_slash: 'Spark asks with the slash; redirects within an origin have tests of their own',
  folders: 'asked only where there are no projects, before 1.4',
  run_get: 'a run is a POST',
  run_trailing_slash: 'Spark asks without the slash',
  unknown_path: 'Spark asks for no such path',
  frontend_unknown_path: 'the same; what a web page does in place of an answer is frontend_run_unknown_*',
  'agent-cancel-unknown': 'a plain run has no id before it is over, so it cannot be cancelled at the server',
  'agent-run-get': 'a run is a POST',
  'agents-trailing-slash': 'Spark asks without the slash',
  config: 'says nothing that Spark needs, and wants the key',
  'playground-status': 'the list of agents tells where the API is',
  'agents-wrong-method': 'the list is a GET',
  'not-found': 'Spark asks for no such path',
}

const both = ['langflow-1.7.3', 'langflow-1.13.0']
type Left = { why: string; of: string[]; files: string[] }
/** Not carried at all. */
export const LEFT_OUT: Left[] = [
  { why: 'a login in a browser; Spark has a key', of: both, files: ['auto_login', 'autologin_auto_login'] },
  { why: 'the same answers as without LANGFLOW_AUTO_LOGIN', of: both, files: [
    'autologin_flows_list_header_flows', 'autologin_flows_list_no_key', 'autologin_flows_list_remove_examples', 'autologin_flows_list_wrong_key', 'autologin_folders',
    'autologin_projects', 'autologin_run_echo', 'autologin_run_no_key', 'autologin_run_wrong_key', 'autologin_version_wrong_key', 'autologin_whoami', 'autologin_whoami_no_key', 'autologin_whoami_wrong_key',
  ] },
  { why: 'the same answers as with a key', of: ['langflow-1.7.3'], files: [
    'autologin_skip_auto_login', 'autologin_skip_config_no_key', 'autologin_skip_flows_list_header_flows', 'autologin_skip_flows_list_remove_examples', 'autologin_skip_folders',
    'autologin_skip_projects', 'autologin_skip_run_echo', 'autologin_skip_version_wrong_key', 'autologin_skip_whoami',
  ] },
  { why: 'says nothing that Spark needs', of: both, files: ['config', 'config_no_key', 'autologin_config_no_key', 'basic_examples', 'health_check', 'healthz', 'project_get', 'project_get_page', 'project_get_unknown'] },
  { why: 'the paged list sees only the default project', of: both, files: [
    'flows_list_components_only', 'flows_list_other_user', 'flows_list_page', 'flows_list_page_3', 'flows_list_page_bad', 'flows_list_page_header', 'flows_list_page_other_user', 'flows_list_page_size_big',
  ] },
  { why: 'the same answers as without the web page', of: both, files: ['frontend_health', 'frontend_run_fail', 'frontend_run_no_key'] },
  { why: 'as without the web page, from 1.8 on', of: ['langflow-1.13.0'], files: [
    'frontend_flow_components', 'frontend_flow_get_not_uuid', 'frontend_flow_get_of_other_user', 'frontend_flow_get_unknown', 'frontend_run_unknown_name', 'frontend_run_unknown_uuid', 'frontend_stream_unknown', 'frontend_unknown_path',
  ] },
  { why: 'other ways to run: internal to the web page, removed, or without an answer', of: both, files: [
    'build', 'build_events', 'process_removed', 'responses_openai', 'responses_openai_unknown', 'run_advanced', 'webhook', 'webhook_empty', 'webhook_endpoint_name', 'webhook_no_key',
    'webhook_on_failing_flow', 'webhook_on_flow_without_webhook', 'webhook_unknown', 'webhook_wrong_key', 'frontend_webhook_unknown',
  ] },
  { why: 'the same', of: ['langflow-1.7.3'], files: ['webhookauth_webhook', 'webhookauth_webhook_no_key', 'webhookauth_webhook_unknown', 'webhookauth_webhook_wrong_key'] },
  { why: 'stored messages prove neither that a run completed nor that it did not', of: both, files: ['monitor_messages', 'monitor_sessions', 'monitor_transactions'] },
  { why: 'Spark asks for output_type any', of: both, files: ['run_data_debug', 'run_echo_debug', 'run_mixed_debug', 'run_nooutput_debug', 'run_text_debug', 'run_tweak_empty_for_components'] },
  { why: 'the v2 API does only five runs at a time in the background, and is closed by default before 1.13', of: both, files: ['v2_workflow_sync'] },
  { why: 'the same', of: ['langflow-1.13.0'], files: [
    'v2_workflow_background', 'v2_workflow_background_again', 'v2_workflow_background_fail', 'v2_workflow_background_to_stop', 'v2_workflow_data_flow', 'v2_workflow_extra_field', 'v2_workflow_fail',
    'v2_workflow_job_done', 'v2_workflow_job_events', 'v2_workflow_job_failed', 'v2_workflow_job_running', 'v2_workflow_job_stopped', 'v2_workflow_job_unknown', 'v2_workflow_multi', 'v2_workflow_multi_output_ids',
    'v2_workflow_no_key', 'v2_workflow_nooutput', 'v2_workflow_not_uuid', 'v2_workflow_of_other_user', 'v2_workflow_stop', 'v2_workflow_stream', 'v2_workflow_stream_fail', 'v2_workflow_text_flow', 'v2_workflow_tweak',
    'v2_workflow_unknown', 'v2_workflow_wrong_key',
  ] },
  { why: "the server's own schedules", of: ['langflow-1.13.0'], files: ['trigger_create_schedule', 'trigger_delete', 'triggers'] },
  { why: 'the status said "running" beside a result that was there, so it cannot be waited for', of: ['agents-0.6.19'], files: ['agent-run-async', 'run-status'] },
]
