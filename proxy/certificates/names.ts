/** The name that every client of HaRP asks the server for (HaRP contract §5.2), whatever address it dials. */
export const frpServerName = 'harp.nc'

/** The one name in all client certificates; the server does not look at it. */
export const frpClientName = 'harp.client.nc'

/** The CA's common name: the server's, as HaRP has it. */
export const frpAuthorityName = 'harp.nc'
