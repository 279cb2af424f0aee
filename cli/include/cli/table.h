/* table: every command of tamga; the only list. */
#pragma once

#include "cli/cli.h"

enum cli_exit cmd_status(struct cli *);
enum cli_exit cmd_employees_import(struct cli *);
enum cli_exit cmd_employees_list(struct cli *);
enum cli_exit cmd_certificates_import(struct cli *);
enum cli_exit cmd_certificates_list(struct cli *);
enum cli_exit cmd_certificates_show(struct cli *);
enum cli_exit cmd_agents_token(struct cli *);
enum cli_exit cmd_agents_list(struct cli *);
enum cli_exit cmd_agents_pending(struct cli *);
enum cli_exit cmd_agents_accept(struct cli *);
enum cli_exit cmd_agents_ban(struct cli *);
enum cli_exit cmd_policy_check(struct cli *);
enum cli_exit cmd_policy_explain(struct cli *);
enum cli_exit cmd_plan(struct cli *);
enum cli_exit cmd_applications_list(struct cli *);
enum cli_exit cmd_applications_show(struct cli *);
enum cli_exit cmd_applications_correct(struct cli *);
enum cli_exit cmd_applications_cancel(struct cli *);
enum cli_exit cmd_applications_retry(struct cli *);
enum cli_exit cmd_applications_bundle(struct cli *);
enum cli_exit cmd_batch_open(struct cli *);
enum cli_exit cmd_batch_list(struct cli *);
enum cli_exit cmd_batch_show(struct cli *);
enum cli_exit cmd_batch_hold(struct cli *);
enum cli_exit cmd_batch_include(struct cli *);
enum cli_exit cmd_batch_return(struct cli *);
enum cli_exit cmd_batch_discard(struct cli *);
enum cli_exit cmd_batch_approve(struct cli *);
enum cli_exit cmd_batch_recall(struct cli *);
enum cli_exit cmd_batch_snapshot(struct cli *);
enum cli_exit cmd_batch_decisions(struct cli *);
enum cli_exit cmd_batch_statement(struct cli *);
enum cli_exit cmd_batch_verify(struct cli *);
enum cli_exit cmd_exchange_export(struct cli *);
enum cli_exit cmd_exchange_import(struct cli *);
enum cli_exit cmd_trust_key(struct cli *);
enum cli_exit cmd_trust_init(struct cli *);
enum cli_exit cmd_trust_sign(struct cli *);
enum cli_exit cmd_trust_show(struct cli *);
enum cli_exit cmd_trust_publish(struct cli *);
enum cli_exit cmd_audit_verify(struct cli *);
enum cli_exit cmd_audit_export(struct cli *);
enum cli_exit cmd_evidence(struct cli *);

extern const struct cli_command cli_commands[];
extern const size_t cli_commands_count;
