# Copies of the backups in a bucket, where they are wanted. PostgreSQL's image has no client of S3: the pods of the CronJobs get
# rclone, a program of one file, from its own image before they start, and the public authorities' certificates with it.

locals {
  copies = {
    reaches = var.backup_copies == null ? {} : { "weather/internet" = "client" }
    init_container = var.backup_copies == null ? null : {
      name    = "rclone"
      image   = var.backup_copies.image
      command = ["sh", "-c", "cp \"$(command -v rclone)\" /tools/rclone && cat ${join(" ", local.authorities)} >/tools/ca.crt"]
    }
    env = var.backup_copies == null ? {} : merge(
      {
        COPIES = join("/", compact(["copies:${var.backup_copies.bucket}", var.backup_copies.prefix]))
        # the remote "copies", as rclone reads it from the environment
        RCLONE_CONFIG_COPIES_TYPE     = "s3"
        RCLONE_CONFIG_COPIES_PROVIDER = coalesce(var.backup_copies.provider, var.backup_copies.endpoint == null ? "AWS" : "Other")
        SSL_CERT_FILE                 = "/tools/ca.crt"
      },
      var.backup_copies.secret != null ? { RCLONE_CONFIG_COPIES_ENV_AUTH = "true" } : {},
      { for name in ["endpoint", "region"] : "RCLONE_CONFIG_COPIES_${upper(name)}" => var.backup_copies[name] if var.backup_copies[name] != null },
    )
    # of a Secret that exists in the names of AWS, which rclone reads too
    env_of_secrets = {
      for name in ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY"] :
      (try(var.backup_copies.secret, null) == null ? "RCLONE_CONFIG_COPIES_${name}" : "AWS_${name}") =>
      try(coalesce(var.backup_copies.secret, one(kubernetes_secret_v1.copies[*].metadata[0].name)), null) if var.backup_copies != null
    }
    volumes = merge(
      var.backup_copies == null ? {} : { tools = { mount_path = "/tools" } },
      { for config_map in kubernetes_config_map_v1.copies : "certificates" => { mount_path = "/certificates", config_map = config_map.metadata[0].name } },
      var.backup_copies == null || var.ca_config_map == null ? {} : { certificates = { mount_path = "/certificates", config_map = var.ca_config_map.name } },
    )
  }
  authorities = concat(
    ["/etc/ssl/certs/ca-certificates.crt"],
    var.ca_file == null ? [] : ["/certificates/ca.crt"],
    [for ca in var.ca_config_map[*] : "/certificates/${ca.key}"],
  )
}

resource "kubernetes_secret_v1" "copies" {
  count = var.backup_copies != null && try(var.backup_copies.secret, null) == null ? 1 : 0
  metadata {
    name      = "backup-copies"
    namespace = var.namespace
    labels    = var.conventions.components.backup.lasting_labels
  }
  data_wo = {
    RCLONE_CONFIG_COPIES_ACCESS_KEY_ID     = try(var.backup_copies_key.access_key_id, "")
    RCLONE_CONFIG_COPIES_SECRET_ACCESS_KEY = try(var.backup_copies_key.secret_access_key, "")
  }
  data_wo_revision = var.secrets_revision

  lifecycle {
    precondition {
      condition     = var.backup_copies_key != null
      error_message = "There is no key of the bucket: export TF_VAR_backup_copies_key='{\"access_key_id\": \"…\", \"secret_access_key\": \"…\"}', or set backup_copies.secret to the name of a Secret that has it."
    }
  }
}

resource "kubernetes_config_map_v1" "copies" {
  count = var.backup_copies == null || var.ca_file == null ? 0 : 1
  metadata {
    name      = "backup-copies"
    namespace = var.namespace
    labels    = var.conventions.components.backup.labels
  }
  data = { "ca.crt" = file(var.ca_file) }
}
