/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The objects that a request's path names, with errors that help when they do not exist. */
#pragma once

#include "control/operations.h"

/* NULL and an error when there is none. */
struct model_service *find_service(const struct request *request, struct errs *errors);
struct model_service *find_service_named(const struct request *request, const char *name,
					 struct errs *errors);
/* Pool "-" is the only one of its service. Also the service. */
struct model_pool *find_pool(const struct request *request, struct model_service **ret_service,
			     struct errs *errors);
struct model_member *find_member(const struct request *request, struct model_service **ret_service,
				 struct model_pool **ret_pool, struct errs *errors);
struct model_list *find_list(const struct request *request, struct errs *errors);
struct model_limit *find_limit(const struct request *request, struct errs *errors);

/* The limit in the path, and the source of it: bans_source(). 0 or negative errno. */
int find_source(const struct request *request, const struct model_limit **ret_limit,
		struct prefix *ret_source, struct errs *errors);

/* The address in the path; its port must be absent or the service's. 0 or -EINVAL. */
int find_endpoint(const struct request *request, const struct model_service *service,
		  struct sluice_addr *ret_addr, struct errs *errors);
