// Generated from control/openapi.json by `npm run api`. Change the API, not this file.

export interface paths {
    "/address-leases": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The addresses that the appliance gave. */
        get: operations["list_address_leases"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/address-pools": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where the site lets the appliance give addresses. */
        get: operations["get_address_pools"];
        /** Changes that; it counts from the appliance's next start. */
        put: operations["put_address_pools"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who did what, newest first. */
        get: operations["list_audit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/audit/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The audit as a file, newest first, sent while it is read. */
        get: operations["export_audit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What happens, as it happens. `event:` is the kind, `data:` the changed object as its GET shows it: `machine` a
         *     `Machine` (without the disks' contents), `job` a `Job`, `job-machine` a `JobMachine`, `master` a `Master`, `settings`
         *     the `Settings`, `refusal` a `RefusalEvent`. `id:` is the event's number; send it back as `Last-Event-ID` to get what was
         *     missed. Progress comes without `id:`. The stream begins with `ready`, or with `reset` when too much was missed: then
         *     load everything again. A comment line every 15 s keeps the connection alive.
         */
        get: operations["follow_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/grants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who holds what where, as far as whoever asks may see it. */
        get: operations["list_grants"];
        put?: never;
        /** Gives a role to a person or a team. Whoever gives it must hold all of it there. */
        post: operations["give_role"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/grants/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Takes a role back. */
        delete: operations["take_role"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The jobs, newest first. */
        get: operations["list_jobs"];
        put?: never;
        /**
         * Creates a job. The answer shows the rows that were created. The same `Idempotency-Key` with the same body brings the
         *     same job again and creates none.
         */
        post: operations["create_job"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One job with a row per machine. */
        get: operations["get_job"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes a job back. Machines that work on it stop at the next safe point. */
        post: operations["cancel_job"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/machines/{machine}/disk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A person chooses the disk that the waiting step works on. */
        post: operations["choose_disk"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/machines/{machine}/evidence": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a failed machine left to understand why. */
        get: operations["get_evidence"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/machines/{machine}/journal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What became of a machine in a job, in order and with its times. */
        get: operations["get_journal"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A person's word that machines shall try again: those that failed, or those named. */
        post: operations["retry_job"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/preflight": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What can be said before a job is made: its selection and its steps as they would be frozen, and remarks on each
         *     machine. Nothing is kept.
         */
        post: operations["look_before_job"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The machines. */
        get: operations["list_machines"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One machine. Its `ETag` changes when a person changes the record. */
        get: operations["get_machine"];
        put?: never;
        post?: never;
        /** Takes a record away of a machine that never was in a job. */
        delete: operations["delete_machine"];
        options?: never;
        head?: never;
        /** Names a machine, writes a note, bans it, or lets it in again. */
        patch: operations["change_machine"];
        trace?: never;
    };
    "/machines/{id}/boots": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How the machine's last boots went, the latest first. */
        get: operations["get_machine_boots"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines/{id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What became of a machine's record, newest first. */
        get: operations["get_machine_history"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines/{id}/menu": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a machine's boot menu decides for it alone, and what it shows. */
        get: operations["get_machine_menu"];
        /** Replaces what a machine's boot menu decides for it alone. */
        put: operations["put_machine_menu"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines/{id}/merge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Makes two records one. */
        post: operations["merge_machines"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines/{id}/place": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where a machine is. */
        get: operations["get_machine_place"];
        /** Puts a machine into a place and into these groups and no others. */
        put: operations["put_machine_place"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines/{id}/split": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Makes one record two. The answer is the new one. */
        post: operations["split_machine"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines/{id}/wake": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Wakes a machine by its adapters (Wake-on-LAN). Whether it woke is told by the boot that follows. */
        post: operations["wake_machine"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The machines as a table (CSV), by name. An import takes it back. */
        get: operations["export_machines"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Imports machines from a table, or says what an import would do. Lines that cannot be used are named; then nothing is done,
         *     unless they shall be left out.
         */
        post: operations["import_machines"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines/names": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Names machines by a pattern, all or none, or says which names they would get. */
        post: operations["name_machines"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/masters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All masters with their versions. */
        get: operations["list_masters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/masters/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One master with its versions. */
        get: operations["get_master"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Writes about a master, offers it in menus, protects it. */
        patch: operations["change_master"];
        trace?: never;
    };
    "/masters/{name}/versions/{version}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One version of a master. */
        get: operations["get_master_version"];
        put?: never;
        post?: never;
        /** Puts one version of a master into the trash, unless it is protected, or a job that is not over or a menu needs it. */
        delete: operations["delete_master_version"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/masters/{name}/versions/{version}/clone": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Makes a master of a version of another one. Nothing is copied: both name the same data. */
        post: operations["clone_master"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/masters/{name}/versions/{version}/production": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Puts a version into production with the signature that the holder of the production key made. */
        put: operations["put_into_production"];
        post?: never;
        /** Takes a version out of production. */
        delete: operations["take_out_of_production"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/masters/{name}/versions/{version}/root": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The root of a version, byte for byte: the file that the holder of the production key signs. */
        get: operations["get_master_root"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/masters/{name}/versions/{version}/undelete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes a version out of the trash. */
        post: operations["undelete_master_version"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/masters/{name}/versions/{version}/uses": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What needs a version: jobs that are not over, and entries of menus. */
        get: operations["list_master_uses"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/masters/deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is in the trash. */
        get: operations["list_deleted_masters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/netboot-images": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The NetBoot images, with those that cannot be served and why. */
        get: operations["list_netboot_images"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/people": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Everybody, by name. */
        get: operations["list_people"];
        put?: never;
        /** Makes an account, which may do nothing until a role is given to it. */
        post: operations["create_person"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/people/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One person's account. Its `ETag` changes with it. */
        get: operations["get_person"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Changes an account, or disables it: then its sessions end. */
        patch: operations["change_person"];
        trace?: never;
    };
    "/people/{id}/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** A new password for somebody who forgot theirs. Their sessions end. */
        put: operations["reset_password"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/people/{id}/second-factor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Takes the second factor away from somebody who lost it. Their sessions end. */
        delete: operations["reset_second_factor"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/people/{id}/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where somebody is logged in. */
        get: operations["list_sessions_of_person"];
        put?: never;
        post?: never;
        /** Logs somebody out everywhere. */
        delete: operations["end_sessions_of_person"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/people/{id}/sessions/{session}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Logs somebody out in one place. */
        delete: operations["end_session_of_person"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/permissions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every permission there is. */
        get: operations["list_permissions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/places": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All places and groups. */
        get: operations["list_places"];
        put?: never;
        /** Makes a place or a group. */
        post: operations["create_place"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/places/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Deletes a place or a group in which nothing lies. */
        delete: operations["delete_place"];
        options?: never;
        head?: never;
        /** Renames a place or a group, moves it, or changes what is known of it. */
        patch: operations["change_place"];
        trace?: never;
    };
    "/places/{id}/favourite": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Keeps a place or a group at hand for the one who asks. */
        put: operations["put_favourite"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/places/{id}/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Puts the machines that a list names into a place or a group. */
        post: operations["import_place_machines"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/places/{id}/machines": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Moves machines into a place or adds them to a group; and takes others out of it. */
        post: operations["put_place_machines"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/places/{id}/menu": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a place or a group decides of the boot menu, and what comes of it there. */
        get: operations["get_place_menu"];
        /** Replaces what a place or a group decides of the boot menu. */
        put: operations["put_place_menu"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/places/{id}/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A room's plan. */
        get: operations["get_room_plan"];
        /** Draws a room's plan anew. */
        put: operations["put_room_plan"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/roles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All roles. */
        get: operations["list_roles"];
        put?: never;
        /** Makes a role. Whoever makes it must hold all of it at the root. */
        post: operations["create_role"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/roles/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Changes an own role, for everybody who holds it. */
        put: operations["change_role"];
        post?: never;
        /** Deletes an own role that nobody holds. */
        delete: operations["delete_role"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/server": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The appliance's own state. */
        get: operations["get_server"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who is logged in. */
        get: operations["get_session"];
        put?: never;
        post?: never;
        /** Logs out. */
        delete: operations["log_out"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/session/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Changes one's own password. All other sessions end. */
        put: operations["change_password"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/session/second-factor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Confirms the second factor by a code of it. All other sessions end; the answer has the recovery codes, this once. */
        put: operations["confirm_second_factor"];
        /** Begins a second factor. The secret is shown this once, and counts once a code of it was sent. */
        post: operations["offer_second_factor"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/session/second-factor/removal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Removes one's own second factor. */
        post: operations["remove_second_factor"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/session/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One's own API tokens. */
        get: operations["list_own_tokens"];
        put?: never;
        /** Makes an API token of one's own: it may no more than whoever makes it. It needs `token.create` there. */
        post: operations["create_own_token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/session/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revokes an API token of one's own. */
        delete: operations["revoke_own_token"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where one is logged in oneself. */
        get: operations["list_sessions"];
        put?: never;
        /** Logs in: the answer sets the cookie `amorce_session`. */
        post: operations["log_in"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Ends a session of one's own. */
        delete: operations["end_session"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the site decided. Its `ETag` changes with it. */
        get: operations["get_settings"];
        /** Changes what the site decided. */
        put: operations["put_settings"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/settings/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the site decided of its jobs. Its `ETag` changes with it. */
        get: operations["get_job_rules"];
        /** Changes what the site decided of its jobs. */
        put: operations["put_job_rules"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/setup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the page needs to know before anybody is logged in. */
        get: operations["get_setup"];
        put?: never;
        /** Makes the first administrator and logs them in. */
        post: operations["create_first_administrator"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/teams": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All teams. */
        get: operations["list_teams"];
        put?: never;
        /** Makes a team. */
        post: operations["create_team"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/teams/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Changes a team: whoever changes who is in it must hold all that it holds. */
        put: operations["change_team"];
        post?: never;
        /** Deletes a team, and with it the roles that it holds. */
        delete: operations["delete_team"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Everybody's API tokens. */
        get: operations["list_tokens"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revokes anybody's API token. */
        delete: operations["revoke_token"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The account of a person. */
        Account: {
            /**
             * Format: date-time
             * @description When the account was made.
             */
            created_at: string;
            /** @description Whether the person cannot log in. */
            disabled: boolean;
            /** @description What the person is called. */
            full_name: string;
            /** @description Whether a code is asked for when they log in. */
            has_second_factor: boolean;
            /**
             * Format: uuid
             * @description The person's id.
             */
            id: string;
            /**
             * Format: date-time
             * @description When one of their open sessions was last used, to the minute.
             */
            last_seen_at?: string | null;
            /** @description The name to log in with. It never changes. */
            name: string;
            /**
             * Format: int64
             * @description Rises with every change; also its `ETag`.
             */
            revision: number;
            /** @description The teams they are in. */
            teams: string[];
        };
        /** @description What changes in an account; what is not named stays. */
        AccountChange: {
            /** @description Whether the person cannot log in. */
            disabled?: boolean | null;
            /** @description What the person is called. */
            full_name?: string | null;
        };
        /** @description Everybody, by name. */
        AccountList: {
            /** @description The accounts. */
            items: components["schemas"]["Account"][];
        };
        /** @description An address that was given. */
        AddressLease: {
            /** @description The address. */
            address: string;
            /** @description Who has it: a MAC address, or `id:` and hexadecimal digits. */
            client: string;
            /**
             * Format: date-time
             * @description Until when; in the past for one that ended or was given back.
             */
            expires_at: string;
            /** @description What that machine calls itself; may be empty. */
            host_name: string;
        };
        /** @description Addresses that were given, the latest first. */
        AddressLeases: {
            /** @description One per address. */
            items: components["schemas"]["AddressLease"][];
        };
        /** @description A network in which the appliance gives addresses. */
        AddressPool: {
            /** @description Whether nobody else gives addresses there: what belongs to another network is refused. */
            authoritative: boolean;
            /** @description DNS domain. */
            domain?: string | null;
            /** @description The first address that is given to whoever asks. */
            first: string;
            /** @description The last one; at most 4096 in all. */
            last: string;
            /**
             * Format: int32
             * @description How long an address may be used without asking again.
             */
            lease_minutes: number;
            /** @description DNS servers. */
            name_servers: string[];
            /** @description The network, `192.0.2.0/24`. */
            network: string;
            /** @description Addresses that are kept for one machine each. */
            reservations: components["schemas"]["ReservedAddress"][];
            /** @description The default router. */
            router?: string | null;
        };
        /**
         * @description Where the site lets the appliance give addresses. The configuration file counts more, and changes count from the
         *     appliance's next start: it then refuses to start where another DHCP server answers.
         */
        AddressPools: {
            /** @description One per network; empty where the site has a DHCP server. */
            items: components["schemas"]["AddressPool"][];
        };
        /** @description Something that somebody did. */
        AuditEntry: {
            /** @description Who. */
            actor: string;
            /** @description As it was then; null if it was taken away. */
            after?: Record<string, never> | null;
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description As it was; null if there was nothing. */
            before?: Record<string, never> | null;
            /** @description To what kind of thing: `machine`, `job`, `master`, `person`, `setting`, … */
            object: string;
            /** @description Which one. */
            object_id: string;
            /** @description From where. */
            peer?: string | null;
            /**
             * Format: int64
             * @description Its number, from 1 without a gap.
             */
            seq: number;
            /** @description Did what: `create`, `edit`, `delete`, `run`, … */
            verb: string;
        };
        /**
         * @description What kind of file the audit is written to.
         * @enum {string}
         */
        AuditFileFormat: "csv" | "json";
        /** @description A page of the audit, newest first. */
        AuditPage: {
            /** @description Whether all was counted: a filter that finds more than 10,000 is not counted to its end. */
            counted_all: boolean;
            /** @description What was done. */
            items: components["schemas"]["AuditEntry"][];
            /** @description Where the next page begins, if there is one. */
            next?: string | null;
            /**
             * Format: int64
             * @description How much there is on all pages; at least so much if `counted_all` is false.
             */
            total: number;
        };
        /** @description A time in which no job begins: exams, an inventory, a move. */
        Blackout: {
            /** @description From when, in the site's time zone: `2026-07-14T00:00`. */
            from: string;
            /** @description Why. */
            title: string;
            /** @description Until when. */
            to: string;
        };
        /** @description A file in the boot folder: at most 120 of `A-Z a-z 0-9 . _ + -`, with `/` between folders; no part begins with a dot. */
        BootFileName: string;
        /**
         * Format: int64
         * @description A length in bytes.
         */
        ByteLen: number;
        /** @description What a person has to choose from. */
        Choice: {
            /** @description The disks that the agent found. */
            disks: components["schemas"]["DiskFacts"][];
        };
        /** @description A master to make of a version of another one. */
        CloneRequest: {
            /** @description The name of the new master. It shares all data with the old one. */
            name: components["schemas"]["MasterName"];
        };
        /** @description A version in the trash: it can be taken back until what nobody needs is swept away, after a day at least. */
        DeletedMaster: {
            /**
             * Format: int64
             * @description Size of the captured disk.
             */
            bytes_disk: number;
            /**
             * Format: int64
             * @description Bytes that its filesystems use.
             */
            bytes_used: number;
            /**
             * Format: date-time
             * @description When it was captured, if the manifest says so.
             */
            created_at?: string | null;
            /** @description The master's name. */
            name: components["schemas"]["MasterName"];
            /**
             * Format: int32
             * @description The version.
             */
            version: number;
        };
        /** @description Versions in the trash. */
        DeletedMasterList: {
            /** @description The versions, by name. */
            items: components["schemas"]["DeletedMaster"][];
        };
        /** @description A disk as the agent found it. */
        DiskFacts: {
            /** @description An eMMC boot area or replay-protected block, not user data. */
            boot_area: boolean;
            /** @description Whether it looks as if the firmware could boot from it: a loader on an ESP, or boot code in an MBR. */
            bootable: boolean;
            /** @description What is on it, as `imager inspect --json` prints it. */
            contents?: string | null;
            /** @description What identifies it. */
            identity: components["schemas"]["DiskIdentity"];
            /** @description Mounted, swapped to, or held by another device. */
            in_use: boolean;
            /** @description The kernel's name at this boot (`sda`, `nvme0n1`): for people to read, never to choose by. */
            name: string;
            /** @description The kernel refuses writes to it. */
            read_only: boolean;
            /** @description Removable medium (card readers, sticks). */
            removable: boolean;
            /**
             * Format: int32
             * @description Logical sector size in bytes (512 or 4096).
             */
            sector_size: number;
            /** @description Attached by USB. */
            usb: boolean;
        };
        /** @description What tells one disk from another. All text is as the kernel reports it, trimmed. */
        DiskIdentity: {
            /** @description Path on the bus, stable over reboots: `pci-0000:00:1f.2-ata-1`. */
            bus_path?: string | null;
            /** @description Model name. */
            model?: string | null;
            /** @description Serial number. */
            serial?: string | null;
            /** @description Size of the whole disk. */
            size: components["schemas"]["ByteLen"];
            /** @description World Wide Name, EUI-64 or NGUID (`/sys/block/*\/wwid` and friends). */
            wwn?: string | null;
        };
        /** @description The disk that a person chose. */
        DiskRequest: {
            /** @description One of the disks shown in `choice`. */
            disk: components["schemas"]["DiskIdentity"];
        };
        /** @description What an entry does. */
        EntryAction: {
            /** @enum {string} */
            kind: "local-disk";
        } | {
            /** @enum {string} */
            kind: "agent";
        } | {
            /** @enum {string} */
            kind: "job";
            /** @description Its steps. */
            steps: components["schemas"]["Step"][];
        } | {
            /** @enum {string} */
            kind: "memory-test";
        } | {
            /** @description What it unpacks, in order. */
            initrd?: components["schemas"]["BootFileName"][];
            /** @description The kernel. */
            kernel: components["schemas"]["BootFileName"];
            /** @enum {string} */
            kind: "kernel";
            /** @description No key of the machines' firmware has signed it: it is hidden under Secure Boot. */
            unsigned?: boolean;
            /** @description Its command line. */
            words?: components["schemas"]["KernelWords"];
        } | {
            /** @description The program. */
            file: components["schemas"]["BootFileName"];
            /** @enum {string} */
            kind: "program";
            /** @description No key of the machines' firmware has signed it: it is hidden under Secure Boot. */
            unsigned?: boolean;
        } | {
            /** @description The image. */
            file: components["schemas"]["BootFileName"];
            /** @enum {string} */
            kind: "disk-image";
        } | {
            /** @description The folder in the boot folder that holds `bcd`, `boot.sdi` and `boot.wim`. */
            folder: components["schemas"]["BootFileName"];
            /** @enum {string} */
            kind: "windows";
        } | {
            /** @description Its boot file, by TFTP. */
            file: components["schemas"]["BootFileName"];
            /** @enum {string} */
            kind: "other-server";
            /** @description Its address. */
            server: string;
        };
        /** @description The name of an entry in scripts and addresses: 1 to 32 of `a-z 0-9 -`, the first of them no `-`. */
        EntryKey: string;
        /**
         * @description What helps to understand a failure; kept with the job. Each text is cut to [`Evidence::MAX_LEN`] by whoever sends it
         *     and again by whoever receives it.
         */
        Evidence: {
            /**
             * @description The kernel's messages.
             * @default
             */
            dmesg: string;
            /**
             * @description The agent's own log.
             * @default
             */
            log: string;
            /**
             * @description What stood on the machine's screen.
             * @default
             */
            screen: string;
            /**
             * @description SMART health of the disks, as far as the kernel lets us ask.
             * @default
             */
            smart: string;
        };
        /** @description Whether a place is kept at hand. */
        Favourite: {
            /** @description It is. */
            kept: boolean;
        };
        /**
         * @description The firmware that booted the machine.
         * @enum {string}
         */
        Firmware: "bios" | "uefi" | "uefi-secure-boot";
        /** @description The first administrator. */
        FirstAdministrator: {
            /** @description The one-time code that `amorce serve` printed. */
            code: string;
            /** @description The name to log in with: 1 to 64 characters. */
            name: string;
            /** @description The password: 12 to 256 characters. */
            password: string;
        };
        /** @description A role that somebody holds in a place and in everything below. */
        Grant: {
            /**
             * Format: date-time
             * @description Since when.
             */
            created_at: string;
            /** @description Who gave it. */
            created_by: string;
            /**
             * Format: date-time
             * @description Until when; null: until it is taken back.
             */
            expires_at?: string | null;
            /** @description What they are called. */
            holder_name: string;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /**
             * Format: uuid
             * @description The person who holds it, if no team does.
             */
            person?: string | null;
            /** @description Where. */
            place: components["schemas"]["PlaceId"];
            /**
             * Format: uuid
             * @description The role.
             */
            role: string;
            /** @description Its name. */
            role_name: string;
            /**
             * Format: uuid
             * @description The team that holds it, if no person does.
             */
            team?: string | null;
        };
        /** @description Who holds what where, the newest first. */
        GrantList: {
            /** @description The roles that were given. */
            items: components["schemas"]["Grant"][];
        };
        /** @description Which machines are in a group that finds its members: those of which all of this is true. */
        GroupQuery: {
            /** @default null */
            disk_from: components["schemas"]["ByteLen"] | null;
            /** @default null */
            firmware: components["schemas"]["Firmware"] | null;
            /**
             * @description In each of these groups.
             * @default []
             */
            in_groups: components["schemas"]["PlaceId"][];
            /**
             * @description All of this is true.
             * @default []
             */
            is: components["schemas"]["MachineTrait"][];
            /** @default null */
            memory_below: components["schemas"]["ByteLen"] | null;
            /** @default null */
            memory_from: components["schemas"]["ByteLen"] | null;
            /**
             * @description In none of these; 20 groups in all.
             * @default []
             */
            not_in_groups: components["schemas"]["PlaceId"][];
            /** @default null */
            place: components["schemas"]["PlaceId"] | null;
            /**
             * Format: int32
             * @description Heard of within so many days.
             * @default null
             */
            seen_within_days: number | null;
            /**
             * Format: int32
             * @description Not heard of for so many days.
             * @default null
             */
            silent_for_days: number | null;
            /**
             * @description Each of these words is found in the record, in any field.
             * @default
             */
            words: string;
        };
        /** @description Something that happened to a record. */
        HistoryEntry: {
            /** @description Who, if it was a person. */
            actor?: string | null;
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /**
             * @description More of it: of `changed` a list of `what`, `before`, `after`; of `edited` an object with `before` and `after`; of
             *     `merged` an object with `from` and `label`; of `split` one with `into` or `from`, and `macs`.
             */
            details: Record<string, never>;
            /** @description `discovered`, `registered`, `changed` (its agent found something else), `edited`, `merged` or `split`. */
            kind: string;
            /**
             * Format: int64
             * @description Its number.
             */
            seq: number;
        };
        /** @description A page of what became of a record, newest first. */
        HistoryPage: {
            /** @description What happened. */
            items: components["schemas"]["HistoryEntry"][];
            /** @description Where the next page begins, if there is one. */
            next?: string | null;
            /**
             * Format: int64
             * @description How much there is on all pages.
             */
            total: number;
        };
        /** @description A key that chooses an entry: one of `a-z 0-9`. */
        Hotkey: string;
        /**
         * @description What became of a line.
         * @enum {string}
         */
        ImportAction: "create" | "update" | "keep" | "refuse";
        /** @description A column of an imported table. */
        ImportColumn: {
            field?: components["schemas"]["ImportField"] | null;
            /** @description What stands over it. */
            header: string;
        };
        /**
         * @description How texts of a table are written.
         * @enum {string}
         */
        ImportEncoding: "utf-8" | "windows-1252";
        /**
         * @description Something that an import can tell of a machine.
         * @enum {string}
         */
        ImportField: "id" | "name" | "note" | "macs" | "uuid" | "serial" | "board_serial" | "manufacturer" | "product" | "quarantined";
        /**
         * @description What kind of file a table comes in.
         * @enum {string}
         */
        ImportKind: "csv" | "xlsx";
        /** @description Why a line cannot be used. */
        ImportProblem: {
            /** @description The column that it is about. */
            column?: string | null;
            /** @description What to do. */
            remedy: string;
            /** @description What is wrong. */
            title: string;
        };
        /** @description A line of an imported table. */
        ImportRow: {
            /** @description What became of it. */
            action: components["schemas"]["ImportAction"];
            /** @description What the machine is called then. */
            label: string;
            /**
             * Format: int64
             * @description Its number in the file, from 1.
             */
            line: number;
            machine?: components["schemas"]["MachineId"] | null;
            /** @description Why it cannot be used. */
            problems: components["schemas"]["ImportProblem"][];
        };
        /** @description A network interface that the appliance serves. */
        Interface: {
            /** @description Its addresses. */
            addresses: string[];
            /** @description The kernel's name. */
            name: string;
        };
        /** @description A job: an intent over a frozen selection of machines. */
        Job: {
            /** @description How many machines stand where. */
            counts: components["schemas"]["JobCounts"];
            /**
             * Format: date-time
             * @description When it was created.
             */
            created_at: string;
            /** @description Who created it. */
            created_by: string;
            /** @description The job. */
            id: components["schemas"]["JobId"];
            retry_of?: components["schemas"]["JobId"] | null;
            /** @description When it may begin. */
            schedule: components["schemas"]["JobSchedule"];
            /** @description The state in one word: the first that applies of `running`, `waiting`, `queued`, `failed`, `cancelled`, `done`. */
            state: components["schemas"]["JobState"];
            /** @description Its steps, in order, as frozen at creation: versions are named, and the last step is explicit. */
            steps: components["schemas"]["Step"][];
            target?: components["schemas"]["JobTarget"] | null;
            /** @description What it is called. */
            title: string;
        };
        /** @description How many machines of a job stand in which state. */
        JobCounts: {
            /**
             * Format: int64
             * @description Taken back.
             */
            cancelled: number;
            /**
             * Format: int64
             * @description Ended well.
             */
            done: number;
            /**
             * Format: int64
             * @description Ended badly.
             */
            failed: number;
            /**
             * Format: int64
             * @description Not picked up.
             */
            queued: number;
            /**
             * Format: int64
             * @description Being worked on.
             */
            running: number;
            /**
             * Format: int64
             * @description Of the selection in all.
             */
            total: number;
            /**
             * Format: int64
             * @description Waiting for something.
             */
            waiting: number;
        };
        /** @description A job with one row per machine. */
        JobDetail: {
            /** @description The job. */
            job: components["schemas"]["Job"];
            /** @description Its machines. */
            machines: components["schemas"]["JobMachine"][];
        };
        /** @description One line of a journal. */
        JobEvent: {
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            disk?: components["schemas"]["DiskIdentity"] | null;
            /**
             * @description `created`, `given`, `begun`, `writing`, `step-done`, `disk-chosen`, `cancel-requested`, `waiting`, `queued`, `done`,
             *     `failed` or `cancelled`.
             */
            kind: string;
            problem?: components["schemas"]["Problem"] | null;
            /**
             * Format: int32
             * @description The step that it is about, from 0.
             */
            step_index?: number | null;
        };
        /**
         * Format: uuid
         * @description One job: an intent over a frozen selection of machines.
         */
        JobId: string;
        /** @description What became of a machine in a job. */
        JobJournal: {
            /** @description The lines, the first first. */
            items: components["schemas"]["JobEvent"][];
        };
        /** @description One machine in a job. */
        JobMachine: {
            /** @description A person took it back and the agent has not stopped yet. */
            cancel_requested: boolean;
            choice?: components["schemas"]["Choice"] | null;
            disk?: components["schemas"]["DiskIdentity"] | null;
            /**
             * Format: date-time
             * @description When it was over.
             */
            ended_at?: string | null;
            /** @description Whether a failure left evidence (`…/evidence`). */
            has_evidence: boolean;
            /** @description The job. */
            job: components["schemas"]["JobId"];
            /** @description The machine. */
            machine: components["schemas"]["MachineId"];
            /** @description What to call the machine. */
            machine_label: string;
            problem?: components["schemas"]["Problem"] | null;
            progress?: components["schemas"]["Progress"] | null;
            /** @description What the steps brought, in order. */
            results: components["schemas"]["StepResult"][];
            /**
             * Format: date-time
             * @description When the first step began.
             */
            started_at?: string | null;
            /** @description Where it stands. */
            state: components["schemas"]["JobState"];
            /**
             * Format: int32
             * @description The step it stands at, from 0; the number of steps when all are behind it.
             */
            step_index: number;
            wait?: components["schemas"]["JobWait"] | null;
        };
        /** @description A page of jobs, newest first. */
        JobPage: {
            /** @description The jobs. */
            items: components["schemas"]["Job"][];
            /** @description Where the next page begins, if there is one. */
            next?: string | null;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description What the site decided of its jobs. */
        JobRules: {
            /** @description Times in which no job begins. */
            blackouts: components["schemas"]["Blackout"][];
            /**
             * Format: int64
             * @description Bytes per second that the depot sends and takes, all machines together; none: as fast as it can.
             */
            bytes_per_second_max?: number | null;
            /** @description The public key whose holder puts masters into production: the second line of `minisign.pub`. */
            production_key?: string | null;
            /** @description Only masters in production are restored. */
            production_only: boolean;
            /**
             * Format: int32
             * @description Machines that may be captured or restored at the same time; none: as many as ask.
             */
            running_max?: number | null;
            /** @description The site's time zone, by its IANA name (`Europe/Paris`): windows and blackouts are written in it. */
            time_zone: string;
        };
        /** @description When a job may begin. What has begun goes on. */
        JobSchedule: {
            /**
             * Format: date-time
             * @description Not before this moment.
             */
            not_before?: string | null;
            /** @description The site's blackouts do not hold it up. */
            through_blackouts?: boolean;
            /** @description Only within one of these; at any time if there is none. */
            windows?: components["schemas"]["JobWindow"][];
        };
        /**
         * @description Where one machine stands in a job. `failed` is never `cancelled`.
         * @enum {string}
         */
        JobState: "queued" | "waiting" | "running" | "done" | "failed" | "cancelled";
        /** @description What a job is for, but for machines that are named one by one. */
        JobTarget: {
            /** @enum {string} */
            kind: "place";
            /** @description Which. */
            place: components["schemas"]["PlaceId"];
        } | {
            /** @description Which. */
            job: components["schemas"]["JobId"];
            /** @enum {string} */
            kind: "failed-of";
        };
        /** @description Why a machine in a job waits. */
        JobWait: {
            /**
             * Format: int64
             * @description How many machines, or jobs of the same machine, come first.
             */
            ahead?: number | null;
            behind?: components["schemas"]["JobId"] | null;
            /**
             * @description The reason: `not-before`, `outside-windows`, `blackout`, `job-ahead`, `turn`, `quarantined`, `machine-absent`,
             *     `about-to-wake`, `about-to-begin`, or what a person has to decide; in words and with the remedy.
             */
            problem: components["schemas"]["Problem"];
            /**
             * Format: date-time
             * @description When it ends, where that is known.
             */
            until?: string | null;
        };
        /** @description A part of the week, in the site's time zone. */
        JobWindow: {
            /** @description The days on which it begins; every day if there is none. */
            days?: components["schemas"]["Weekday"][];
            /** @description When it opens: `22:00`. */
            from: string;
            /** @description When it closes: on the day after, if that is not later than `from`. */
            to: string;
        };
        /** @description Words of a kernel's command line: at most 400 of `A-Z a-z 0-9 . _ , : = / @ + % ~ -` and blanks. */
        KernelWords: string;
        /**
         * @description A keyboard's layout. Loaders and the kernel read every keyboard as if it were American; our agent does not.
         * @enum {string}
         */
        Keyboard: "us" | "fr";
        /**
         * @description A language that Amorce speaks.
         * @enum {string}
         */
        Language: "fr" | "en";
        /** @description Who logs in. */
        LogIn: {
            /**
             * @description The code that the authenticator shows, or a recovery code, if the account has a second factor. Without it the answer
             *     is `code-needed`.
             */
            code?: string | null;
            /** @description The name. */
            name: string;
            /** @description The password. */
            password: string;
        };
        MacAddr: string;
        /** @description A machine that the appliance has seen, or that a person registered. */
        Machine: {
            /** @description Its agent is connected and waits for work, or works. */
            connected: boolean;
            /** @description What the agent found at its last visit; what a person registered, until then. A disk's `contents` come with `GET /machines/{id}` only. */
            facts: components["schemas"]["MachineFacts"];
            /**
             * Format: date-time
             * @description When the record was made: at the first visit of its agent, or when a person registered it.
             */
            first_seen_at: string;
            /** @description Its record. */
            id: components["schemas"]["MachineId"];
            /**
             * Format: date-time
             * @description The last inventory; null as long as no agent has seen it.
             */
            inventoried_at?: string | null;
            job?: components["schemas"]["MachineJob"] | null;
            /** @description What to call it: its name, else what its firmware and its adapter say. */
            label: string;
            /**
             * Format: date-time
             * @description The last sign of its agent; null as long as no agent has seen it.
             */
            last_seen_at?: string | null;
            /** @description Addresses of its own adapters (not of USB ones, which pass from machine to machine). */
            macs: components["schemas"]["MacAddr"][];
            /** @description The name that a person gave it. */
            name?: string | null;
            /** @description What a person wrote about it. */
            note: string;
            /** @description As far as is known, nothing on its disks boots. */
            nothing_bootable: boolean;
            /** @description It is banned: it boots its own disk and gets no session. */
            quarantined: boolean;
            /**
             * Format: int64
             * @description Rises when a person changes the record. Its `ETag` is the same in quotes.
             */
            revision: number;
            /** @description What a person should know: an identity shared with another record, for instance. */
            warnings: string[];
        };
        /** @description One boot of a machine, as the boot services saw it. */
        MachineBoot: {
            /**
             * Format: date-time
             * @description Its first packet.
             */
            begun_at: string;
            /** @description Where it stopped and what is likely, if it stopped. */
            diagnosis?: string | null;
            /** @description What happened, in order. */
            entries: components["schemas"]["MachineBootEntry"][];
            /** @description The adapter it booted from. */
            mac: components["schemas"]["MacAddr"];
        };
        /** @description One thing that happened at a boot. */
        MachineBootEntry: {
            /** @description The address that the machine spoke from, if it had one. */
            address?: string | null;
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description In words. */
            text: string;
        };
        /** @description How a machine's last boots went, the latest first. */
        MachineBoots: {
            /** @description The boots. */
            items: components["schemas"]["MachineBoot"][];
        };
        /** @description What a person may change of a machine. */
        MachineChange: {
            /** @description The new name; empty takes the name away. At most 100 characters. */
            name?: string | null;
            /** @description The new note, at most 500 characters. */
            note?: string | null;
            /** @description Bans the machine, or lets it in again. */
            quarantined?: boolean | null;
        };
        /** @description Everything the agent found. Text comes from firmware and is never trusted to be sane: bounded, shown escaped. */
        MachineFacts: {
            /**
             * @description Processor model.
             * @default
             */
            cpu: string;
            /**
             * Format: int32
             * @description Logical processors.
             * @default 0
             */
            cpu_count: number;
            /**
             * @description Disks, in the kernel's order.
             * @default []
             */
            disks: components["schemas"]["DiskFacts"][];
            /**
             * @description How it was started.
             * @default bios
             */
            firmware: components["schemas"]["Firmware"];
            /**
             * @description Memory that the kernel sees.
             * @default 0
             */
            memory: components["schemas"]["ByteLen"];
            /**
             * @description Ethernet adapters.
             * @default []
             */
            nics: components["schemas"]["NicFacts"][];
            /**
             * @description Names and numbers from SMBIOS.
             * @default {
             *       "bios": "",
             *       "board_serial": "",
             *       "manufacturer": "",
             *       "product": "",
             *       "serial": "",
             *       "uuid": null
             *     }
             */
            smbios: components["schemas"]["Smbios"];
            /**
             * @description What a technician should know: "firmware file rtl_nic/rtl8168h-2.fw is missing", "Intel RST hides the disk".
             * @default []
             */
            warnings: string[];
        };
        /**
         * Format: uuid
         * @description One machine's record in the catalog, whatever NIC it boots from.
         */
        MachineId: string;
        /** @description A table of machines, and how it is meant. */
        MachineImport: {
            /** @description What columns are; those that are not named here are guessed by what stands over them. */
            columns?: components["schemas"]["ImportColumn"][];
            /** @description The file, in Base64 (RFC 4648 §4), at most 8 MiB. */
            content: string;
            encoding?: components["schemas"]["ImportEncoding"] | null;
            key?: components["schemas"]["ImportField"] | null;
            /** @description What kind of file. */
            kind?: components["schemas"]["ImportKind"];
            /** @description Leave lines out that cannot be used, instead of doing nothing. */
            leave_out_refused?: boolean;
            /** @description Only say what would happen. */
            rehearse?: boolean;
            separator?: components["schemas"]["TableSeparator"] | null;
        };
        /** @description What became of a table, or would. */
        MachineImportOutcome: {
            /** @description Whether it was done. */
            applied: boolean;
            /** @description What its columns were taken for. */
            columns: components["schemas"]["ImportColumn"][];
            /**
             * Format: int64
             * @description Lines that register a machine.
             */
            created: number;
            encoding?: components["schemas"]["ImportEncoding"] | null;
            /**
             * Format: int64
             * @description Lines that say what is known.
             */
            kept: number;
            /** @description What told which record a line is about. */
            key: components["schemas"]["ImportField"];
            /**
             * Format: int64
             * @description Lines that cannot be used.
             */
            refused: number;
            /** @description Lines that cannot be used, and the first 500 others. */
            rows: components["schemas"]["ImportRow"][];
            /**
             * Format: int64
             * @description Lines that change a record.
             */
            updated: number;
        };
        /** @description The job a machine is in. */
        MachineJob: {
            /** @description The job. */
            id: components["schemas"]["JobId"];
            /** @description Where this machine stands in it. */
            state: components["schemas"]["JobState"];
            /** @description Its title. */
            title: string;
        };
        /** @description A page of machines. */
        MachinePage: {
            /** @description The machines. */
            items: components["schemas"]["Machine"][];
            /** @description Where the next page begins, if there is one. */
            next?: string | null;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description Where a machine is. */
        MachinePlace: {
            /** @description The groups that it was put into. */
            groups?: components["schemas"]["PlaceId"][];
            place?: components["schemas"]["PlaceId"] | null;
        };
        /** @description What can be said of one machine. */
        MachinePreflight: {
            /** @description What to call it. */
            label: string;
            /** @description Which. */
            machine: components["schemas"]["MachineId"];
            /** @description What there is to know, the heaviest first. */
            remarks: components["schemas"]["Remark"][];
        };
        /**
         * @description In which order machines are listed.
         * @enum {string}
         */
        MachineSort: "newest" | "name" | "last-seen";
        /**
         * @description Something that is true of some machines, for good enough to rest a group on.
         * @enum {string}
         */
        MachineTrait: "quarantined" | "unnamed" | "not-inventoried" | "nothing-bootable" | "warned" | "in-job";
        /** @description A token that was made. */
        MadeToken: {
            /** @description Sent as `Authorization: Bearer …`. It is shown this once. */
            secret: string;
            /** @description What is known of it. */
            token: components["schemas"]["Token"];
        };
        /** @description A master and its versions. */
        Master: {
            /** @description What it is for. */
            description: string;
            /** @description It is offered to whoever makes menus. */
            in_menu: boolean;
            /** @description What people call it; empty for its name. */
            label: string;
            /** @description Its name. */
            name: components["schemas"]["MasterName"];
            /** @description None of its versions is deleted. */
            protected: boolean;
            /**
             * Format: int64
             * @description Rises with each change of what people wrote: its `ETag`.
             */
            revision: number;
            /** @description Its versions, newest first; none when the last one was just deleted. */
            versions: components["schemas"]["MasterVersion"][];
        };
        /** @description What people write about a master; what is left out stays. */
        MasterChange: {
            /** @description What it is for. */
            description?: string | null;
            /** @description It is offered to whoever makes menus. */
            in_menu?: boolean | null;
            /** @description What people call it; empty for its name. */
            label?: string | null;
            /** @description None of its versions is deleted. */
            protected?: boolean | null;
        };
        /** @description All masters. */
        MasterList: {
            /** @description The masters, by name. */
            items: components["schemas"]["Master"][];
        };
        /**
         * @description The name of a master: 1 to 100 characters, no control character, no `/`, `\` or `@`, no dot in front.
         *
         *     `@` separates name and version in a [`MasterRef`]; the rest keeps a name usable as a file name anywhere.
         */
        MasterName: string;
        /** @description A partition of a master. */
        MasterPartition: {
            /**
             * Format: int64
             * @description Its size.
             */
            bytes_size: number;
            /**
             * Format: int64
             * @description What was kept of it: what its filesystem uses, or all of it where none is understood.
             */
            bytes_used: number;
            /** @description What is on it: `ext4`, `fat32`, … or `unknown`. */
            filesystem: string;
            /** @description Its type as the table gives it: a GUID, or `0x83`. */
            kind: string;
            /** @description Its label, if the table has labels. */
            label: string;
            /**
             * Format: int32
             * @description Its number in the table.
             */
            number: number;
        };
        /** @description A master and, if given, one of its versions (integers from 1), written `NAME` or `NAME@VERSION`. */
        MasterRef: {
            /** @description The master's name. */
            name: components["schemas"]["MasterName"];
            /**
             * Format: int32
             * @description The version; without it, the newest.
             */
            version?: number | null;
        };
        /** @description Something that needs a version of a master. */
        MasterUse: {
            /** @description Which. */
            id: components["schemas"]["JobId"];
            /** @enum {string} */
            kind: "job";
            /** @description What it is called. */
            title: string;
        } | {
            /** @enum {string} */
            kind: "menu-entry";
            /** @description What the entry says. */
            label: string;
            /** @description Where the entry is decided: a place, a group or a machine, by its id. */
            owner: string;
        };
        /** @description What needs a version of a master. */
        MasterUseList: {
            /** @description What needs it. */
            items: components["schemas"]["MasterUse"][];
        };
        /** @description One version of a master, as its signed manifest tells. */
        MasterVersion: {
            /**
             * Format: int64
             * @description Size of the captured disk.
             */
            bytes_disk: number;
            /**
             * Format: int64
             * @description Size of the smallest disk that it fits on.
             */
            bytes_smallest_target: number;
            /**
             * Format: int64
             * @description Bytes that its filesystems use.
             */
            bytes_used: number;
            /**
             * Format: date-time
             * @description When it was captured, if the manifest says so.
             */
            created_at?: string | null;
            /** @description What is wrong with it; such a version cannot be restored. */
            damaged?: string | null;
            /** @description The master's name. */
            name: components["schemas"]["MasterName"];
            /** @description What a person should know: "unallocated space was left out". */
            notes: string[];
            /** @description Its partitions, in table order. */
            partitions: components["schemas"]["MasterPartition"][];
            /** @description What the holder of the production key wrote when they countersigned it; none: it is not in production. */
            production?: string | null;
            /** @description Partition scheme: `gpt`, `mbr`, or `none`. */
            scheme: string;
            /**
             * Format: int32
             * @description Logical sector size in bytes.
             */
            sector_size: number;
            /**
             * Format: int32
             * @description The version, from 1.
             */
            version: number;
        };
        /** @description What an owner decides of the boot menu. */
        Menu: {
            /** @description Its entries, in order. */
            entries?: components["schemas"]["MenuEntry"][];
            /** @description Its settings. */
            settings?: components["schemas"]["MenuSettings"];
        };
        /** @description An entry of a menu, as its owner decides it. */
        MenuEntry: {
            /** @description What it does. */
            action: components["schemas"]["EntryAction"];
            hotkey?: components["schemas"]["Hotkey"] | null;
            /** @description Its name in scripts: one with the key of an entry from above takes its place. */
            key: components["schemas"]["EntryKey"];
            /** @description What a person reads. Loaders show it without accents. */
            label: string;
            /** @description It wants a password, which is typed in our agent. */
            locked?: boolean;
            /** @description The entry of this key from above is not shown here. */
            withdrawn?: boolean;
        };
        /**
         * @description A language of the loaders' own words. They show ASCII only.
         * @enum {string}
         */
        MenuLanguage: "fr" | "en";
        /** @description Who decided something. */
        MenuOrigin: {
            /** @enum {string} */
            kind: "built-in";
        } | {
            /** @description Which. */
            id: components["schemas"]["PlaceId"];
            /** @enum {string} */
            kind: "place";
        } | {
            /** @description Which. */
            id: components["schemas"]["MachineId"];
            /** @enum {string} */
            kind: "machine";
        };
        /** @description What a place, a group or a machine decides of the boot menu. What it leaves out comes from above. */
        MenuSettings: {
            /** @default null */
            default: components["schemas"]["EntryKey"] | null;
            /**
             * @description Nothing is drawn unless somebody presses Esc within the timeout.
             * @default null
             */
            hidden: boolean | null;
            /** @default null */
            keyboard: components["schemas"]["Keyboard"] | null;
            /** @default null */
            language: components["schemas"]["MenuLanguage"] | null;
            /** @default null */
            serial: components["schemas"]["SerialLine"] | null;
            /**
             * Format: int32
             * @description Seconds until then; 0: the menu is not drawn at all.
             * @default null
             */
            timeout_seconds: number | null;
            /**
             * @description The heading.
             * @default null
             */
            title: string | null;
            /**
             * @description It waits for a person, for as long as it takes.
             * @default null
             */
            waits: boolean | null;
            /** @default null */
            wake_default: components["schemas"]["EntryKey"] | null;
            /**
             * Format: int32
             * @description Seconds until then.
             * @default null
             */
            wake_timeout_seconds: number | null;
        };
        /** @description A record that is the same machine as another. */
        MergeRequest: {
            /** @description The record that goes; its jobs and its history come to the other. */
            other: components["schemas"]["MachineId"];
        };
        /** @description How machines shall be named. */
        Naming: {
            /** @description Which, in the order in which they are numbered. */
            machines: components["schemas"]["MachineId"][];
            /** @description What their names are made by: text with `{n}`, `{nn}`, `{nnn}` or `{nnnn}` for the number, `{serial}`, `{mac}`, `{product}`. */
            pattern: string;
            /** @description Only say which names they would get. */
            rehearse?: boolean;
            /**
             * Format: int32
             * @description The first one's number.
             */
            start?: number;
        };
        /** @description The names that machines got, or would get. */
        NamingOutcome: {
            /** @description One for each machine, in their order. */
            items: components["schemas"]["ProposedName"][];
        };
        /** @description A NetBoot image. */
        NetBootImage: {
            /** @description Its folder. */
            folder: string;
            /**
             * Format: int32
             * @description Its number (`Index`).
             */
            index: number;
            /** @description A Mac that was told nothing starts it. */
            is_default: boolean;
            /** @description Its name in the Mac's picker. */
            name: string;
            /** @description Where its root is: a file of ours, or another server's. */
            root?: string | null;
        };
        /** @description The images in `boot/nbi`, for Intel Macs that can NetBoot. */
        NetBootImages: {
            /** @description What Macs are shown. */
            items: components["schemas"]["NetBootImage"][];
            /** @description Folders that cannot be served. */
            refused: components["schemas"]["RefusedImage"][];
            /** @description Which Macs this can serve, and which it cannot. */
            serves: string;
        };
        /** @description An account to make. It may do nothing until a role is given to it. */
        NewAccount: {
            /** @description What the person is called. */
            full_name?: string;
            /** @description The name to log in with: 1 to 64 characters. */
            name: string;
            /** @description The first password: 12 to 256 characters. */
            password: string;
        };
        /** @description A role to give: to a person or to a team. */
        NewGrant: {
            /**
             * Format: date-time
             * @description Until when; without it, until it is taken back.
             */
            expires_at?: string | null;
            /**
             * Format: uuid
             * @description The person, if it is no team.
             */
            person?: string | null;
            /** @description Where, and in everything below. */
            place: components["schemas"]["PlaceId"];
            /**
             * Format: uuid
             * @description The role.
             */
            role: string;
            /**
             * Format: uuid
             * @description The team, if it is no person.
             */
            team?: string | null;
        };
        /** @description A job to create. */
        NewJob: {
            /**
             * @description Codes of the preflight's remarks of weight `stop` that the person accepts. With this, also empty, any other such
             *     remark is answered with 409 `preflight-stops`; without it the job is made all the same.
             */
            accept?: string[] | null;
            /**
             * Format: int64
             * @description How many machines the person saw. When it would be another number the answer is 409 `selection-changed`. A `target`
             *     needs it, but for a preflight.
             */
            count?: number | null;
            /** @description The machines, at most 1000; empty with a `target`. The selection is frozen. */
            machines?: components["schemas"]["MachineId"][];
            schedule?: components["schemas"]["JobSchedule"] | null;
            /**
             * @description The steps, in order, at most 20. A restore of `NAME` means the newest version at this moment. When the last step is
             *     neither `reboot` nor `power-off`, a job that restores gets a `reboot`; any other lets the machine go to its disk.
             */
            steps: components["schemas"]["Step"][];
            target?: components["schemas"]["JobTarget"] | null;
            /** @description What to call it; without it, the appliance writes one from the steps. */
            title?: string | null;
        };
        /** @description A new password for somebody else. */
        NewPassword: {
            /** @description 12 to 256 characters. */
            password: string;
        };
        /** @description A place or group to be made. */
        NewPlace: {
            /** @description What it is. */
            kind: components["schemas"]["PlaceKind"];
            /** @description What to call it. */
            name: string;
            /** @description What it lies in. */
            parent: components["schemas"]["PlaceId"];
            query?: components["schemas"]["GroupQuery"] | null;
        };
        /** @description An own role as it shall be. */
        NewRole: {
            /** @description Its name: 1 to 64 characters. */
            name: string;
            /** @description What it holds, as `object.verb`. */
            permissions: string[];
        };
        /** @description A team as it shall be. */
        NewTeam: {
            /** @description Who is in it, and nobody else. */
            members?: string[];
            /** @description Its name: 1 to 64 characters. */
            name: string;
            /** @description What it is for. */
            note?: string;
        };
        /** @description A token to make. */
        NewToken: {
            /**
             * Format: date-time
             * @description When it ends: within a year.
             */
            expires_at: string;
            /** @description What it is for: 1 to 64 characters. */
            name: string;
            /** @description What it may do at most, as `object.verb`. */
            permissions: string[];
            /** @description Where, and in everything below. */
            place: components["schemas"]["PlaceId"];
        };
        /** @description An Ethernet adapter. */
        NicFacts: {
            /** @description Whether the machine booted from it. */
            booted: boolean;
            /** @description The kernel's driver. */
            driver: string;
            /** @description Whether a cable carries a signal. */
            link: boolean;
            /** @description Permanent address. */
            mac: components["schemas"]["MacAddr"];
            /** @description The kernel's name at this boot. */
            name: string;
            /** @description Attached by USB: passed from machine to machine, so it identifies none. */
            usb: boolean;
        };
        /** @description Somewhere somebody is logged in. */
        OpenSession: {
            /** @description What the browser called itself. */
            agent?: string | null;
            /**
             * Format: date-time
             * @description When it began.
             */
            created_at: string;
            /** @description Whether it is the one that asks. */
            current: boolean;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /**
             * Format: date-time
             * @description Its last call, to the minute.
             */
            last_seen_at: string;
            /** @description The address where it began. */
            peer?: string | null;
        };
        /** @description The password of whoever is logged in, asked for once more. */
        PasswordAgain: {
            /** @description The password. */
            password: string;
        };
        /** @description An own new password. */
        PasswordChange: {
            /** @description The password from now on: 12 to 256 characters. */
            new: string;
            /** @description The password until now. */
            old: string;
        };
        /** @description Every permission there is. */
        PermissionList: {
            /** @description As `object.verb`, in the order of `docs/permissions.md`. */
            items: string[];
        };
        /** @description A place or a group. */
        Place: {
            /** @description Whether the one who asks keeps it at hand. */
            favourite: boolean;
            /** @description Its id. */
            id: components["schemas"]["PlaceId"];
            /** @description What it is. */
            kind: components["schemas"]["PlaceKind"];
            /**
             * Format: int64
             * @description How many machines lie in it or below it, or are in the group.
             */
            machines: number;
            master?: components["schemas"]["MasterName"] | null;
            /** @description What people call it; empty: the organisation was not named yet. */
            name: string;
            /** @description What a person wrote about it. */
            note: string;
            parent?: components["schemas"]["PlaceId"] | null;
            query?: components["schemas"]["GroupQuery"] | null;
        };
        /** @description What a person may change of a place. What is not there stays. */
        PlaceChange: {
            /** @default null */
            master: components["schemas"]["MasterName"] | null;
            /**
             * @description Its new name.
             * @default null
             */
            name: string | null;
            /**
             * @description Its new note.
             * @default null
             */
            note: string | null;
            /** @default null */
            parent: components["schemas"]["PlaceId"] | null;
            /** @default null */
            query: components["schemas"]["GroupQuery"] | null;
        };
        /**
         * Format: uuid
         * @description One place or group of machines: the organisation, a site, a room.
         */
        PlaceId: string;
        /** @description A list that somebody has of machines that come to a place or a group. */
        PlaceImport: {
            /** @description One machine per line: its name, an address, its serial number, its UUID or its id; at most 2000 lines. */
            list: string;
            /** @description Only say what would happen. */
            rehearse?: boolean;
        };
        /** @description What became of a list. */
        PlaceImportOutcome: {
            /**
             * Format: int32
             * @description How many of them came; of a rehearsal, 0.
             */
            added: number;
            /** @description Lines that name several. */
            ambiguous: string[];
            /** @description The machines that its lines name. */
            found: components["schemas"]["MachineId"][];
            /** @description Lines that name no machine. */
            unknown: string[];
        };
        /**
         * @description What a place is.
         * @enum {string}
         */
        PlaceKind: "organisation" | "authority" | "site" | "room" | "group";
        /** @description All places and groups. */
        PlaceList: {
            /** @description They. */
            items: components["schemas"]["Place"][];
        };
        /** @description Machines that come to a place or a group, or leave it. */
        PlaceMembers: {
            /**
             * @description Those that come.
             * @default []
             */
            add: components["schemas"]["MachineId"][];
            /**
             * @description Those that leave: a place for the organisation, a group for nowhere.
             * @default []
             */
            remove: components["schemas"]["MachineId"][];
        };
        /** @description How many came and left; those that were there, or were not, are not counted. */
        PlaceMembersOutcome: {
            /**
             * Format: int32
             * @description Came.
             */
            added: number;
            /**
             * Format: int32
             * @description Left.
             */
            removed: number;
        };
        /** @description What can be said before a job is made. */
        Preflight: {
            /**
             * Format: date-time
             * @description When it could begin, if that is known and not now.
             */
            begins_at?: string | null;
            /**
             * Format: int64
             * @description How many machines it would be: the `count` to create it with.
             */
            count: number;
            /** @description The machines, in the order of their names, with what there is to know of each. */
            machines: components["schemas"]["MachinePreflight"][];
            /** @description What concerns the job as a whole. */
            remarks: components["schemas"]["Remark"][];
            /** @description The steps as they would be frozen. */
            steps: components["schemas"]["Step"][];
        };
        /** @description A problem document (RFC 9457) with a stable code and a remedy for whoever stands in front of the machine. */
        Problem: {
            /** @description Stable, in kebab case: `disk-too-small`. Programs and translations go by it; never renamed. */
            code: string;
            /** @description What to do about it: "choose a larger disk or a smaller master". */
            remedy?: string;
            /**
             * Format: int32
             * @description The HTTP status when it travels as an answer; 0 elsewhere.
             */
            status?: number;
            /** @description What happened, naming the thing: "disk sda has 16.0 GB, the master needs 31.5 GB". */
            title: string;
        };
        /** @description A signature that puts a version into production. */
        ProductionRequest: {
            /** @description The text of the file that `minisign -S` made of the version's root. */
            signature: string;
        };
        /** @description How far a running step has come. */
        Progress: {
            /**
             * @description Bytes of this step that are behind us.
             * @default 0
             */
            bytes_done: components["schemas"]["ByteLen"];
            /**
             * Format: int64
             * @description Rate over the last seconds.
             * @default 0
             */
            bytes_per_second: number;
            /**
             * @description Bytes of this step in all, as far as known.
             * @default 0
             */
            bytes_total: components["schemas"]["ByteLen"];
            /** @default null */
            estimate: components["schemas"]["RestoreEstimate"] | null;
            /**
             * @description What is being done, as a code the page translates: `reading`, `rescuing`, `sending`, `comparing`, `fetching`,
             *     `writing`, `checking`.
             * @default
             */
            phase: string;
            /**
             * Format: int64
             * @description Estimate of what is left, in seconds.
             * @default null
             */
            seconds_left: number | null;
        };
        /** @description A name that a machine got, or would get. */
        ProposedName: {
            /** @description What it was called. */
            label: string;
            /** @description The machine. */
            machine: components["schemas"]["MachineId"];
            /** @description The name. */
            name: string;
            /** @description Why it cannot have it. */
            problem?: string | null;
        };
        /**
         * @description How a written disk is checked against the master.
         * @enum {string}
         */
        ReadBack: "full" | "sample" | "off";
        /** @description Codes for whoever lost the authenticator: each opens the door once. They are shown this once. */
        RecoveryCodes: {
            /** @description The codes. */
            codes: string[];
        };
        /** @description Somebody or something was refused: no session, a token that was used before, another machine's. */
        RefusalEvent: {
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description The problem's code. */
            code: string;
            /** @description Where from. */
            peer?: string | null;
            /** @description What happened. */
            title: string;
        };
        /** @description A folder that cannot be served as a NetBoot image. */
        RefusedImage: {
            /** @description Its name. */
            folder: string;
            /** @description Why, in words. */
            why: string;
        };
        /** @description Something to know before a job is made. */
        Remark: {
            /** @description What it is: `disk-too-small`, `hibernated`, `encrypted`, `never-booted`, `offline`, …; in words and with the remedy. */
            problem: components["schemas"]["Problem"];
            /** @description How much it weighs. */
            weight: components["schemas"]["Weight"];
        };
        /** @description An address that is kept for one machine: named by exactly one of adapter, UUID and identifier. */
        ReservedAddress: {
            /** @description The address. */
            address: string;
            /** @description What it calls itself (DHCP option 61), in hexadecimal digits. */
            identifier?: string | null;
            /** @description Its adapter. */
            mac?: string | null;
            /**
             * Format: uuid
             * @description Its SMBIOS UUID.
             */
            uuid?: string | null;
        };
        /** @description What a restore is going to do: "4.1 GB of 31 GB will be written, 1.2 GB over the wire". */
        RestoreEstimate: {
            /**
             * Format: int64
             * @description Of these, bytes that the disk holds elsewhere already.
             * @default 0
             */
            bytes_copied: number;
            /**
             * Format: int64
             * @description Bytes that come over the wire, as far as the depot can tell before it sends them.
             * @default 0
             */
            bytes_fetched: number;
            /**
             * Format: int64
             * @description Bytes that the master's filesystems use.
             * @default 0
             */
            bytes_used: number;
            /**
             * Format: int64
             * @description Bytes that will be written.
             * @default 0
             */
            bytes_written: number;
        };
        /** @description Which machines of a job shall try again. */
        RetryRequest: {
            /** @description These; without it, every machine that failed. A machine that waits for a person is retried only when named here. */
            machines?: components["schemas"]["MachineId"][] | null;
        };
        /** @description What somebody may be. */
        Role: {
            /**
             * Format: int64
             * @description How often it is held.
             */
            holders: number;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /** @description Its name. Those of predefined roles are translated by whoever shows them. */
            name: string;
            /** @description What it holds, as `object.verb`. */
            permissions: string[];
            /** @description Whether it is the same on every appliance. */
            predefined: boolean;
            /**
             * Format: int64
             * @description Rises with every change; also its `ETag`.
             */
            revision: number;
        };
        /** @description All roles: predefined ones first, then own ones by name. */
        RoleList: {
            /** @description The roles. */
            items: components["schemas"]["Role"][];
        };
        /** @description The plan of a room, seen from the door. */
        RoomPlan: {
            /**
             * Format: int32
             * @description Rows of seats.
             */
            depth: number;
            /** @description Who stands where. */
            seats: components["schemas"]["Seat"][];
            /**
             * Format: int32
             * @description Seats side by side; 0: the room was not drawn yet.
             */
            width: number;
        };
        /** @description Where a machine stands. */
        Seat: {
            /** @description Which. */
            machine: components["schemas"]["MachineId"];
            /**
             * Format: int32
             * @description From the left, from 0.
             */
            x: number;
            /**
             * Format: int32
             * @description From the front, from 0.
             */
            y: number;
        };
        /** @description A secret for an authenticator. It counts once a code of it was sent. */
        SecondFactor: {
            /** @description `otpauth://totp/…`, for a QR code. */
            address: string;
            /** @description In base 32, to be typed. */
            secret: string;
        };
        /** @description A code of the second factor. */
        SecondFactorCode: {
            /** @description Six digits. */
            code: string;
        };
        /** @description A serial line of the machine. */
        SerialLine: {
            /**
             * Format: int32
             * @description Its number: 0 is COM1, `ttyS0`.
             */
            port: number;
            /**
             * Format: int32
             * @description Bits per second.
             */
            speed: number;
        };
        /** @description The appliance. */
        Server: {
            /** @description SHA-256 of its CA's certificate, in hexadecimal: compare it with what the browser shows. */
            ca_fingerprint: string;
            /** @description Room in the data folder. */
            data: components["schemas"]["Space"];
            /** @description The networks it serves. */
            interfaces: components["schemas"]["Interface"][];
            /**
             * Format: date-time
             * @description Its clock.
             */
            now: string;
            /**
             * Format: date-time
             * @description When it was started.
             */
            started_at: string;
            /** @description Its build version. */
            version: string;
            /** @description What is wrong at the moment, in words; empty when nothing is. */
            warnings: string[];
        };
        /** @description Who is logged in. */
        Session: {
            /**
             * Format: date-time
             * @description When the session ends if nothing happens.
             */
            expires_at: string;
            /** @description Whether a code is asked for when they log in. */
            has_second_factor: boolean;
            /** @description The site's language. */
            language: components["schemas"]["Language"];
            /** @description Their name. */
            name: string;
            /** @description What they may do in one place at least, as `object.verb`. */
            permissions: string[];
            /** @description What they may do everywhere. */
            permissions_everywhere: string[];
            /**
             * Format: uuid
             * @description The person.
             */
            user: string;
        };
        /** @description Sessions of a person, the latest first. */
        SessionList: {
            /** @description The sessions. */
            items: components["schemas"]["OpenSession"][];
        };
        /** @description Where one setting comes from. */
        SettingOrigin: {
            /** @description Who decided it. */
            origin: components["schemas"]["MenuOrigin"];
            /** @description The setting, as it is called in `settings`. */
            setting: string;
        };
        /** @description What the site decided. */
        Settings: {
            /** @description Language of the machines' screens and of the page before log-in. */
            language: components["schemas"]["Language"];
            /** @description What happens to a machine that nobody has seen before. */
            unknown_machines: components["schemas"]["UnknownMachines"];
        };
        /** @description What the page needs to know before anybody is logged in. */
        Setup: {
            /** @description The site's language. */
            language: components["schemas"]["Language"];
            /** @description Nobody administers this appliance yet: the page asks for the one-time code that `amorce serve` printed. */
            needs_first_administrator: boolean;
        };
        /** @description An entry that is shown. */
        ShownEntry: {
            /** @description The entry. */
            entry: components["schemas"]["MenuEntry"];
            /** @description Who decided it. */
            origin: components["schemas"]["MenuOrigin"];
        };
        /** @description SMBIOS type 1 and 2 fields (DMTF DSP0134 §7.2, §7.3), as the kernel shows them under `/sys/class/dmi/id`. */
        Smbios: {
            /**
             * @description Firmware vendor, version and date in one line.
             * @default
             */
            bios: string;
            /**
             * @description Base board serial number.
             * @default
             */
            board_serial: string;
            /**
             * @description Manufacturer.
             * @default
             */
            manufacturer: string;
            /**
             * @description Product name.
             * @default
             */
            product: string;
            /**
             * @description System serial number.
             * @default
             */
            serial: string;
            /**
             * Format: uuid
             * @description System UUID in the byte order that the kernel prints.
             * @default null
             */
            uuid: string | null;
        };
        /** @description Room on a filesystem. */
        Space: {
            /**
             * Format: int64
             * @description Bytes that the appliance may still use.
             */
            bytes_free: number;
            /**
             * Format: int64
             * @description Bytes in all.
             */
            bytes_total: number;
        };
        /** @description A record that is two machines. */
        SplitRequest: {
            /** @description The adapters of the machine that gets a record of its own. */
            macs: components["schemas"]["MacAddr"][];
        };
        /** @description One step of a job. Steps run in order on each machine; profile steps are appended to this list. */
        Step: {
            /** @enum {string} */
            kind: "inspect";
        } | {
            /** @description Every byte of the disk is kept, whatever is on it: free space, what would be refused. */
            as_raw?: boolean;
            disk?: components["schemas"]["DiskIdentity"] | null;
            /**
             * @description A hibernated Windows, or changes that only its log holds, are no reason to refuse: its session is left out, as
             *     after a power cut.
             */
            drop_hibernation?: boolean;
            /** @description What of the disk cannot be read becomes zeros in the master, which says so, instead of failing the step. */
            keep_unreadable?: boolean;
            /** @enum {string} */
            kind: "capture";
            /** @description The master that gets a new version. */
            master: components["schemas"]["MasterName"];
        } | {
            disk?: components["schemas"]["DiskIdentity"] | null;
            /** @enum {string} */
            kind: "restore";
            /** @description What to put there. The version is frozen when the job is created. */
            master: components["schemas"]["MasterRef"];
            /** @description How the written disk is checked. */
            read_back?: components["schemas"]["ReadBack"];
        } | {
            /** @enum {string} */
            kind: "wake";
        } | {
            /** @enum {string} */
            kind: "reboot";
        } | {
            /** @enum {string} */
            kind: "power-off";
        };
        /** @description What a step brought, as counted by the engine. All in bytes unless named otherwise. */
        StepResult: {
            /**
             * Format: int64
             * @description Size of the disk.
             * @default 0
             */
            bytes_disk: number;
            /**
             * Format: int64
             * @description Bytes of memory that the agent had used at most when the step ended.
             * @default 0
             */
            bytes_memory: number;
            /**
             * Format: int64
             * @description Plain bytes that the depot lacked.
             * @default 0
             */
            bytes_new: number;
            /**
             * Format: int64
             * @description Bytes read from the disk.
             * @default 0
             */
            bytes_read: number;
            /**
             * Format: int64
             * @description Bytes that came or went over the wire.
             * @default 0
             */
            bytes_sent: number;
            /**
             * Format: int64
             * @description Bytes they took in the depot after compression.
             * @default 0
             */
            bytes_stored: number;
            /**
             * Format: int64
             * @description Bytes the filesystems use.
             * @default 0
             */
            bytes_used: number;
            /**
             * Format: int64
             * @description Bytes written to the disk.
             * @default 0
             */
            bytes_written: number;
            /**
             * Format: int64
             * @description Chunks in all.
             * @default 0
             */
            chunks: number;
            /**
             * Format: int64
             * @description Chunks that the depot lacked.
             * @default 0
             */
            chunks_new: number;
            /**
             * @description What a person should know about the result: "backup table moved to the end of the larger disk".
             * @default []
             */
            notes: string[];
            /**
             * Format: double
             * @description Wall time.
             * @default 0
             */
            seconds: number;
            /**
             * Format: int32
             * @description The master's version that was made or restored.
             * @default null
             */
            version: number | null;
        };
        /**
         * @description How the texts of a table are written.
         * @enum {string}
         */
        TableEncoding: "utf-8" | "utf-8-bom" | "windows-1252";
        /**
         * @description What stands between the cells of a line.
         * @enum {string}
         */
        TableSeparator: "comma" | "semicolon";
        /** @description People who hold roles together. */
        Team: {
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /** @description Who is in it. */
            members: string[];
            /** @description Its name. */
            name: string;
            /** @description What it is for. */
            note: string;
            /**
             * Format: int64
             * @description Rises with every change; also its `ETag`.
             */
            revision: number;
        };
        /** @description All teams, by name. */
        TeamList: {
            /** @description The teams. */
            items: components["schemas"]["Team"][];
        };
        /** @description An API token. */
        Token: {
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When it ends.
             */
            expires_at: string;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /**
             * Format: date-time
             * @description When it was last used, to the minute.
             */
            last_used_at?: string | null;
            /** @description What it is for. */
            name: string;
            /** @description What it may do at most, as `object.verb`. */
            permissions: string[];
            /**
             * Format: uuid
             * @description Whose it is.
             */
            person: string;
            /** @description Their name. */
            person_name: string;
            /** @description Where, and in everything below. */
            place: components["schemas"]["PlaceId"];
        };
        /** @description API tokens, the newest first. The tokens themselves are never shown again. */
        TokenList: {
            /** @description The tokens. */
            items: components["schemas"]["Token"][];
        };
        /**
         * @description What happens to a machine that nobody has seen before.
         * @enum {string}
         */
        UnknownMachines: "inventory" | "ignore";
        /** @description How to wake a machine. */
        WakeRequest: {
            /** @description The password that some adapters want, written as a MAC or an IPv4 address. */
            secure_on?: string | null;
        };
        /** @description What was sent to wake a machine. */
        WakeSent: {
            /** @description Magic packets, on all interfaces together. */
            packets: number;
        };
        /**
         * @description A day of the week.
         * @enum {string}
         */
        Weekday: "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday";
        /**
         * @description How much a remark weighs.
         * @enum {string}
         */
        Weight: "stop" | "warning" | "note";
        /** @description What comes of all that is decided: what loaders draw. */
        WholeMenu: {
            /** @description The entries that are shown, in order; none: the machine boots without a menu. */
            entries: components["schemas"]["ShownEntry"][];
            /** @description Where the settings come from. */
            origins: components["schemas"]["SettingOrigin"][];
            /** @description What is decided here. */
            own: components["schemas"]["Menu"];
            /** @description The settings that hold, and which of them were decided where. */
            settings: components["schemas"]["MenuSettings"];
        };
        /**
         * @description Whose jobs.
         * @enum {string}
         */
        Whose: "mine" | "everybodys";
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    list_address_leases: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AddressLeases"];
                };
            };
        };
    };
    get_address_pools: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AddressPools"];
                };
            };
        };
    };
    put_address_pools: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AddressPools"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AddressPools"];
                };
            };
        };
    };
    list_audit: {
        parameters: {
            query?: {
                /** @description By this person. */
                actor?: string;
                /** @description `next` of the page before. */
                after?: string;
                /** @description At this moment or later (RFC 3339). */
                from?: string;
                /** @description Rows per page, 1 to 200; 50 without it. */
                limit?: number;
                /** @description To this kind of thing: `machine`, `job`, `master`, `person`, `setting`, … */
                object?: string;
                /** @description To this thing. */
                object_id?: string;
                /**
                 * @description Words to find in what was done and how it was before and after, all of them; the beginning of a word will do from
                 *     three letters on.
                 */
                q?: string;
                /** @description Before this moment (RFC 3339). */
                to?: string;
                /** @description This was done: `create`, `edit`, `delete`, `run`, … */
                verb?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditPage"];
                };
            };
        };
    };
    export_audit: {
        parameters: {
            query?: {
                /** @description By this person. */
                actor?: string;
                /** @description How texts of CSV are written; UTF-8 without it. */
                encoding?: components["schemas"]["TableEncoding"];
                /** @description What kind of file; CSV without it. */
                format?: components["schemas"]["AuditFileFormat"];
                /** @description At this moment or later (RFC 3339). */
                from?: string;
                /** @description To this kind of thing: `machine`, `job`, `master`, `person`, `setting`, … */
                object?: string;
                /** @description To this thing. */
                object_id?: string;
                /**
                 * @description Words to find in what was done and how it was before and after, all of them; the beginning of a word will do from
                 *     three letters on.
                 */
                q?: string;
                /** @description What stands between the cells of a line of CSV; a comma without it. */
                separator?: components["schemas"]["TableSeparator"];
                /** @description Before this moment (RFC 3339). */
                to?: string;
                /** @description This was done: `create`, `edit`, `delete`, `run`, … */
                verb?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditEntry"][];
                    "text/csv": string;
                };
            };
        };
    };
    follow_events: {
        parameters: {
            query?: never;
            header?: {
                /** @description number of the last event that was seen */
                "Last-Event-ID"?: number | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
        };
    };
    list_grants: {
        parameters: {
            query?: {
                /** @description Of this person themselves, without their teams. */
                person?: string;
                /** @description Of this team. */
                team?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GrantList"];
                };
            };
        };
    };
    give_role: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewGrant"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Grant"];
                };
            };
        };
    };
    take_role: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_jobs: {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                after?: string;
                /** @description Jobs per page, 1 to 200; 50 without it. */
                limit?: number;
                /** @description Only jobs that this machine is in. */
                machine?: components["schemas"]["MachineId"];
                /** @description Only jobs with a machine in this state. */
                state?: components["schemas"]["JobState"];
                /** @description Whose jobs; without it everybody's. */
                whose?: components["schemas"]["Whose"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobPage"];
                };
            };
        };
    };
    create_job: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 128 visible characters; kept for a day */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewJob"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobDetail"];
                };
            };
        };
    };
    get_job: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["JobId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobDetail"];
                };
            };
        };
    };
    cancel_job: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["JobId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobDetail"];
                };
            };
        };
    };
    choose_disk: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["JobId"];
                machine: components["schemas"]["MachineId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DiskRequest"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobMachine"];
                };
            };
        };
    };
    get_evidence: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["JobId"];
                machine: components["schemas"]["MachineId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Evidence"];
                };
            };
        };
    };
    get_journal: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["JobId"];
                machine: components["schemas"]["MachineId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobJournal"];
                };
            };
        };
    };
    retry_job: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["JobId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RetryRequest"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobDetail"];
                };
            };
        };
    };
    look_before_job: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewJob"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Preflight"];
                };
            };
        };
    };
    list_machines: {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                after?: string;
                /** @description The firmware that started them. */
                firmware?: components["schemas"]["Firmware"];
                /**
                 * @description What is true of them, with commas between: `quarantined`, `unnamed`, `not-inventoried` (registered, and no agent has seen
                 *     it), `nothing-bootable`, `warned`, `in-job`, `connected`.
                 */
                is?: string;
                /** @description Machines per page, 1 to 200; 50 without it. */
                limit?: number;
                /** @description In this place or below it, or in this group. */
                place?: components["schemas"]["PlaceId"];
                /** @description Words to find in names, notes, addresses, serial numbers, models and the rest of the record, all of them. */
                q?: string;
                /** @description Heard of at this moment or later (RFC 3339). */
                seen_after?: string;
                /** @description Not heard of since this moment (RFC 3339). */
                seen_before?: string;
                /** @description In which order; the newest record first without it. */
                sort?: components["schemas"]["MachineSort"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MachinePage"];
                };
            };
        };
    };
    get_machine: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["MachineId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    /** @description the record's revision */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Machine"];
                };
            };
        };
    };
    delete_machine: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` of what was looked at: if somebody else changed it since, the answer is 412 and nothing is done */
                "If-Match"?: string;
            };
            path: {
                id: components["schemas"]["MachineId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    change_machine: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` of what was looked at: if somebody else changed it since, the answer is 412 and nothing is done */
                "If-Match"?: string;
            };
            path: {
                id: components["schemas"]["MachineId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MachineChange"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Machine"];
                };
            };
        };
    };
    get_machine_boots: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["MachineId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MachineBoots"];
                };
            };
        };
    };
    get_machine_history: {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                after?: string;
                /** @description Rows per page, 1 to 200; 50 without it. */
                limit?: number;
            };
            header?: never;
            path: {
                id: components["schemas"]["MachineId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryPage"];
                };
            };
        };
    };
    get_machine_menu: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["MachineId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WholeMenu"];
                };
            };
        };
    };
    put_machine_menu: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["MachineId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Menu"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WholeMenu"];
                };
            };
        };
    };
    merge_machines: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` of what was looked at: if somebody else changed it since, the answer is 412 and nothing is done */
                "If-Match"?: string;
            };
            path: {
                id: components["schemas"]["MachineId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MergeRequest"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Machine"];
                };
            };
        };
    };
    get_machine_place: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["MachineId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MachinePlace"];
                };
            };
        };
    };
    put_machine_place: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["MachineId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MachinePlace"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MachinePlace"];
                };
            };
        };
    };
    split_machine: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` of what was looked at: if somebody else changed it since, the answer is 412 and nothing is done */
                "If-Match"?: string;
            };
            path: {
                id: components["schemas"]["MachineId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SplitRequest"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Machine"];
                };
            };
        };
    };
    wake_machine: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["MachineId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WakeRequest"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WakeSent"];
                };
            };
        };
    };
    export_machines: {
        parameters: {
            query?: {
                /** @description How its texts are written; UTF-8 without it. */
                encoding?: components["schemas"]["TableEncoding"];
                /** @description The firmware that started them. */
                firmware?: components["schemas"]["Firmware"];
                /**
                 * @description What is true of them, with commas between: `quarantined`, `unnamed`, `not-inventoried` (registered, and no agent has seen
                 *     it), `nothing-bootable`, `warned`, `in-job`, `connected`.
                 */
                is?: string;
                /** @description In this place or below it, or in this group. */
                place?: components["schemas"]["PlaceId"];
                /** @description Words to find in names, notes, addresses, serial numbers, models and the rest of the record, all of them. */
                q?: string;
                /** @description Heard of at this moment or later (RFC 3339). */
                seen_after?: string;
                /** @description Not heard of since this moment (RFC 3339). */
                seen_before?: string;
                /** @description What stands between the cells of a line; a comma without it. */
                separator?: components["schemas"]["TableSeparator"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/csv": string;
                };
            };
        };
    };
    import_machines: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MachineImport"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MachineImportOutcome"];
                };
            };
        };
    };
    name_machines: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Naming"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NamingOutcome"];
                };
            };
        };
    };
    list_masters: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MasterList"];
                };
            };
        };
    };
    get_master: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["schemas"]["MasterName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    /** @description changes with what people wrote */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Master"];
                };
            };
        };
    };
    change_master: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` of what was looked at: if somebody else changed it since, the answer is 412 and nothing is done */
                "If-Match"?: string;
            };
            path: {
                name: components["schemas"]["MasterName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MasterChange"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Master"];
                };
            };
        };
    };
    get_master_version: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["schemas"]["MasterName"];
                version: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MasterVersion"];
                };
            };
        };
    };
    delete_master_version: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["schemas"]["MasterName"];
                version: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    clone_master: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["schemas"]["MasterName"];
                version: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CloneRequest"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Master"];
                };
            };
        };
    };
    put_into_production: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["schemas"]["MasterName"];
                version: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProductionRequest"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MasterVersion"];
                };
            };
        };
    };
    take_out_of_production: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["schemas"]["MasterName"];
                version: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_master_root: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["schemas"]["MasterName"];
                version: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": number[];
                };
            };
        };
    };
    undelete_master_version: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["schemas"]["MasterName"];
                version: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MasterVersion"];
                };
            };
        };
    };
    list_master_uses: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["schemas"]["MasterName"];
                version: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MasterUseList"];
                };
            };
        };
    };
    list_deleted_masters: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletedMasterList"];
                };
            };
        };
    };
    list_netboot_images: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NetBootImages"];
                };
            };
        };
    };
    list_people: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountList"];
                };
            };
        };
    };
    create_person: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewAccount"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
        };
    };
    get_person: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    /** @description the account's revision */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
        };
    };
    change_person: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` of what was looked at: if somebody else changed it since, the answer is 412 and nothing is done */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AccountChange"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
        };
    };
    reset_password: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPassword"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    reset_second_factor: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_sessions_of_person: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionList"];
                };
            };
        };
    };
    end_sessions_of_person: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    end_session_of_person: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                session: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_permissions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PermissionList"];
                };
            };
        };
    };
    list_places: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlaceList"];
                };
            };
        };
    };
    create_place: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPlace"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Place"];
                };
            };
        };
    };
    delete_place: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["PlaceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    change_place: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["PlaceId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlaceChange"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Place"];
                };
            };
        };
    };
    put_favourite: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["PlaceId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Favourite"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    import_place_machines: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["PlaceId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlaceImport"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlaceImportOutcome"];
                };
            };
        };
    };
    put_place_machines: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["PlaceId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlaceMembers"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlaceMembersOutcome"];
                };
            };
        };
    };
    get_place_menu: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["PlaceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WholeMenu"];
                };
            };
        };
    };
    put_place_menu: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["PlaceId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Menu"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WholeMenu"];
                };
            };
        };
    };
    get_room_plan: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["PlaceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RoomPlan"];
                };
            };
        };
    };
    put_room_plan: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["PlaceId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RoomPlan"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RoomPlan"];
                };
            };
        };
    };
    list_roles: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RoleList"];
                };
            };
        };
    };
    create_role: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewRole"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Role"];
                };
            };
        };
    };
    change_role: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` of what was looked at: if somebody else changed it since, the answer is 412 and nothing is done */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewRole"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Role"];
                };
            };
        };
    };
    delete_role: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` of what was looked at: if somebody else changed it since, the answer is 412 and nothing is done */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_server: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Server"];
                };
            };
        };
    };
    get_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
        };
    };
    log_out: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    change_password: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordChange"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    confirm_second_factor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SecondFactorCode"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecoveryCodes"];
                };
            };
        };
    };
    offer_second_factor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordAgain"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SecondFactor"];
                };
            };
        };
    };
    remove_second_factor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordAgain"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_own_tokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenList"];
                };
            };
        };
    };
    create_own_token: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewToken"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MadeToken"];
                };
            };
        };
    };
    revoke_own_token: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionList"];
                };
            };
        };
    };
    log_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LogIn"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
        };
    };
    end_session: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_settings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    /** @description tells these settings from others */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
        };
    };
    put_settings: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` of what was looked at: if somebody else changed it since, the answer is 412 and nothing is done */
                "If-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Settings"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
        };
    };
    get_job_rules: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    /** @description tells these rules from others */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobRules"];
                };
            };
        };
    };
    put_job_rules: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` of what was looked at: if somebody else changed it since, the answer is 412 and nothing is done */
                "If-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JobRules"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobRules"];
                };
            };
        };
    };
    get_setup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Setup"];
                };
            };
        };
    };
    create_first_administrator: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FirstAdministrator"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
        };
    };
    list_teams: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TeamList"];
                };
            };
        };
    };
    create_team: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewTeam"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Team"];
                };
            };
        };
    };
    change_team: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` of what was looked at: if somebody else changed it since, the answer is 412 and nothing is done */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewTeam"];
            };
        };
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Team"];
                };
            };
        };
    };
    delete_team: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` of what was looked at: if somebody else changed it since, the answer is 412 and nothing is done */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_tokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenList"];
                };
            };
        };
    };
    revoke_token: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the appliance could not do this */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
}
