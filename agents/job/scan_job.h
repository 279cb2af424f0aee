/* scan_job: the scan job. What belongs to others than root is read by a child of the job's own, as
 * its owner. */
#pragma once

#include "base/err.h"
#include "base/secret.h"
#include "json/json.h"

int agent_scan_job(const json_t *request, const struct tg_secret *password, json_t *answer,
                   struct tg_err *err) TG_MUST_CHECK;
