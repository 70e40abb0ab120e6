export {
  type DoctorOptions,
  type DoctorPart,
  type DoctorProxy,
  type DoctorReport,
  doctor,
} from '../index.js'
