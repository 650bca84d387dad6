# The size of the database's volume: for two years of hourly loads of the five free resources.

locals {
  # GiB of a place: 117 MB a year were measured with the default retention, 420 MB without any
  place_gib = var.is_pruned ? 0.24 : 0.84
  # 4 GiB for the write-ahead log, Dagster's records, and upkeep
  volume_size = coalesce(var.volume_size, "${max(10, ceil(4 + var.places * local.place_gib))}Gi")
  volume_gib = (
    tonumber(regex("^[0-9]+", local.volume_size)) *
    { Mi = 1 / 1024, Gi = 1, Ti = 1024 }[regex("[MGT]i$", local.volume_size)]
  )
}
